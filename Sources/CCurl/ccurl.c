#include "ccurl.h"

#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

CURLcode d2_curl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode d2_curl_set_large(CURL *handle, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode d2_curl_set_string(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode d2_curl_set_pointer(CURL *handle, CURLoption option, const void *value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode d2_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(handle, option, value);
}

CURLcode d2_curl_set_bytes_callback(CURL *handle, CURLoption option, d2_curl_bytes callback) {
  return curl_easy_setopt(handle, option, callback);
}

CURLcode d2_curl_set_progress_callback(CURL *handle, d2_curl_progress callback) {
  return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, callback);
}

CURLcode d2_curl_set_seek_callback(CURL *handle, d2_curl_seek callback) {
  return curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, callback);
}

CURLcode d2_curl_get_long(CURL *handle, CURLINFO info, long *value) { return curl_easy_getinfo(handle, info, value); }

CURLcode d2_curl_get_large(CURL *handle, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(handle, info, value);
}

CURLcode d2_curl_get_list(CURL *handle, CURLINFO info, struct curl_slist **value) {
  return curl_easy_getinfo(handle, info, value);
}

static int note_socket(void *context, curl_socket_t socket, curlsocktype purpose) {
  d2_curl_sockets *noted = context;
  if (purpose == CURLSOCKTYPE_IPCXN) {
    memmove(noted->sockets, noted->sockets + 1, sizeof(noted->sockets) - sizeof(noted->sockets[0]));
    noted->sockets[3] = socket;
  }
  return CURL_SOCKOPT_OK;
}

CURLcode d2_curl_note_sockets(CURL *handle, d2_curl_sockets *sockets) {
  curl_easy_setopt(handle, CURLOPT_SOCKOPTDATA, sockets);
  return curl_easy_setopt(handle, CURLOPT_SOCKOPTFUNCTION, note_socket);
}

int d2_curl_waiting_bytes(const d2_curl_sockets *sockets) {
  for (int i = 3; i >= 0; i--) {
    struct sockaddr_storage peer;
    socklen_t size = sizeof(peer);
    int waiting = 0;
    // If curl tried several addresses at once, it has closed the slower connection again.
    if (sockets->sockets[i] <= 0 || getpeername(sockets->sockets[i], (struct sockaddr *)&peer, &size) != 0) continue;
    return ioctl(sockets->sockets[i], FIONREAD, &waiting) == 0 ? waiting : -1;
  }
  return -1;
}

int d2_curl_open_socket(CURL *handle) {
  curl_socket_t socket = CURL_SOCKET_BAD;
  if (curl_easy_getinfo(handle, CURLINFO_ACTIVESOCKET, &socket) != CURLE_OK) return -1;
  return socket == CURL_SOCKET_BAD ? -1 : (int)socket;
}

// One lock for each kind of data, which libcurl names. There are few kinds, and a program has one share.
static pthread_mutex_t locks[CURL_LOCK_DATA_LAST];

static void lock_data(CURL *handle, curl_lock_data data, curl_lock_access access, void *context) {
  (void)handle, (void)access, (void)context;
  pthread_mutex_lock(&locks[data]);
}

static void unlock_data(CURL *handle, curl_lock_data data, void *context) {
  (void)handle, (void)context;
  pthread_mutex_unlock(&locks[data]);
}

__attribute__((constructor)) static void make_locks(void) {
  for (int i = 0; i < CURL_LOCK_DATA_LAST; i++) pthread_mutex_init(&locks[i], NULL);
}

CURLSH *d2_curl_share_new(void) {
  CURLSH *share = curl_share_init();
  if (!share) return NULL;
  curl_share_setopt(share, CURLSHOPT_LOCKFUNC, lock_data);
  curl_share_setopt(share, CURLSHOPT_UNLOCKFUNC, unlock_data);
  curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
  curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  return share;
}

CURLcode d2_curl_set_share(CURL *handle, CURLSH *share) { return curl_easy_setopt(handle, CURLOPT_SHARE, share); }
