/// Replacements for commands that a test cannot run for real. Each does what its recipe needs, and records its input.
enum CookbookTools {
  static let all = ["ssh": ssh, "socks.py": socks, "mail": mail, "cron-once": cron, "pass": pass]

  /// With `-D`, runs a real proxy on this machine, which `-O exit` ends. Otherwise runs the command here.
  private static let ssh = #"""
    #!/bin/bash
    background='' port='' socket=''
    while [[ $1 == -* ]]; do
      case $1 in
        -f) background=yes ;;
        -D) port=$2 && shift ;;
        -O)
          [[ $2 == exit ]] && kill "$(cat "$socket")"
          exit
          ;;
        -S) socket=$2 && shift ;;
        -o) shift ;;
      esac
      shift
    done
    echo "$1" >> "$SCENE/hosts"
    shift
    [[ $port ]] || exec bash -c "$*"
    python3 -u "$SCENE/bin/socks.py" "$port" "${SRC##*:}" > "$SCENE/proxy.log" 2>&1 &
    echo $! > "$socket"
    until grep -q listening "$SCENE/proxy.log"; do sleep 0.02; done
    [[ $background ]] || wait

    """#

  /// A SOCKS 5 proxy, in whose network `hmis.internal` is the source.
  private static let socks = #"""
    import socket, struct, sys, threading

    port, source = int(sys.argv[1]), int(sys.argv[2])

    def copy(a, b):
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)

    def serve(client):
        client.recv(2 + 255)
        client.sendall(b"\5\0")
        head = client.recv(4)
        # Only a name: whoever looks it up at home sends an address.
        if head[:2] != b"\5\1" or head[3] != 3:
            return client.close()
        name = client.recv(client.recv(1)[0]).decode()
        client.recv(2)
        print("connect", name)
        if name != "hmis.internal":
            client.sendall(b"\5\4\0\1" + bytes(6))
            return client.close()
        server = socket.create_connection(("127.0.0.1", source))
        client.sendall(b"\5\0\0\1" + bytes(6))
        threading.Thread(target=copy, args=(server, client), daemon=True).start()
        copy(client, server)

    listener = socket.create_server(("127.0.0.1", port))
    # Nobody needs it for longer than a test.
    listener.settimeout(60)
    print("listening")
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()

    """#

  /// Stores messages in `mailbox`.
  private static let mail = #"""
    #!/bin/bash
    [[ $1 == -s ]] && { echo "To: $3"; echo "Subject: $2"; cat; } >> "$SCENE/mailbox"

    """#

  /// Runs each job of a crontab once.
  private static let cron = #"""
    #!/bin/bash
    # Runs each job of a crontab once, as cron does: with its variables alone, by /bin/sh, and mails what it prints.
    variables=("HOME=$HOME" "LOGNAME=d2" "SHELL=/bin/sh")
    mailto=d2
    while IFS= read -r line; do
      [[ $line =~ ^\ *(#|$) ]] && continue
      if [[ $line =~ ^[A-Za-z_][A-Za-z_0-9]*= ]]; then
        [[ $line != MAILTO=* ]] || mailto=${line#*=}
        variables+=("$line")
        continue
      fi
      read -r _ _ _ _ _ command <<< "$line"
      # An unescaped % ends the command.
      [[ $command != *%* ]] || exit 64
      output=$(env -i "${variables[@]}" /bin/sh -c "$command" 2>&1)
      [[ -z $output ]] || mail -s "Cron $command" "$mailto" <<< "$output"
    done < "$1"

    """#

  /// A password manager with one password.
  private static let pass = #"""
    #!/bin/bash
    [[ $* == "show dhis2/hmis" ]] && printf "d2pat_source\nuser: admin\n"

    """#
}
