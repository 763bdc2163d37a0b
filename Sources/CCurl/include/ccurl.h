// libcurl for Swift: its variadic functions with fixed signatures, and a store of cookies and TLS sessions that threads
// share.
#pragma once

#include <curl/curl.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef size_t (*d2_curl_bytes)(char *bytes, size_t size, size_t count, void *context);
typedef int (*d2_curl_seek)(void *context, curl_off_t offset, int origin);
typedef int (*d2_curl_progress)(void *context, curl_off_t toDownload, curl_off_t downloaded, curl_off_t toUpload,
                                curl_off_t uploaded);

CURLcode d2_curl_set_long(CURL *handle, CURLoption option, long value);
CURLcode d2_curl_set_large(CURL *handle, CURLoption option, curl_off_t value);
CURLcode d2_curl_set_string(CURL *handle, CURLoption option, const char *value);
CURLcode d2_curl_set_pointer(CURL *handle, CURLoption option, const void *value);
CURLcode d2_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value);
CURLcode d2_curl_set_bytes_callback(CURL *handle, CURLoption option, d2_curl_bytes callback);
CURLcode d2_curl_set_progress_callback(CURL *handle, d2_curl_progress callback);
/// Lets libcurl send a body again from the beginning, if it must.
CURLcode d2_curl_set_seek_callback(CURL *handle, d2_curl_seek callback);
CURLcode d2_curl_get_long(CURL *handle, CURLINFO info, long *value);
CURLcode d2_curl_get_large(CURL *handle, CURLINFO info, curl_off_t *value);
CURLcode d2_curl_get_list(CURL *handle, CURLINFO info, struct curl_slist **value);
/// Records the sockets of a handle's connections, the newest last, because libcurl does not report them during a
/// transfer.
typedef struct {
  int sockets[4];
} d2_curl_sockets;

CURLcode d2_curl_note_sockets(CURL *handle, d2_curl_sockets *sockets);
/// How many bytes wait in the newest connected socket; -1 if unknown.
int d2_curl_waiting_bytes(const d2_curl_sockets *sockets);
/// The socket of the connection that the last transfer used and left open, or -1.
int d2_curl_open_socket(CURL *handle);

/// A store of cookies and TLS sessions for several handles on several threads, or NULL.
CURLSH *d2_curl_share_new(void);
CURLcode d2_curl_set_share(CURL *handle, CURLSH *share);

#ifdef __cplusplus
}
#endif
