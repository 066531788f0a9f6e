# Runs one Postgres server on behalf of the process that holds the other end of standard input.
# Words: start, stop (orderly), kill (at once), each answered by "done" and, while one runs, the server's process id. When standard input ends, so does the server.
# $1: the server's log, $2: the file that says who supervises, $3: a folder to remove at the end, or nothing; then the server.
log=$1 mark=$2 remove=$3
shift 3
trap '' INT TERM HUP PIPE
pid=

end() {
  [ -n "$pid" ] || return 0
  kill -s "$1" "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  pid=
}

echo $$ >"$mark"
while read -r word; do
  case $word in
    start) "$@" </dev/null >>"$log" 2>&1 & pid=$! ;;
    stop) end INT ;;
    kill) end KILL ;;
  esac
  echo "done $pid" 2>/dev/null
done
rm -f "$mark"
if [ -n "$remove" ]; then
  end QUIT
  rm -rf "$remove"
else
  end INT
fi
