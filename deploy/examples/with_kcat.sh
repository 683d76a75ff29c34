#!/bin/sh
# Publishes an event and prints the list that answers it, or prints a user's lists as they come.
# Needs kcat and jq.
#
#     BROKER=localhost:9092 sh with_kcat.sh publish USER ITEM TYPE
#     BROKER=localhost:9092 sh with_kcat.sh watch USER
set -eu
broker=${BROKER:-localhost:9092}
events=${PREFIX:-headwater.}events
lists=${PREFIX:-headwater.}recommendations
tab=$(printf '\t') # between key and value: a user_id may hold anything else

# Sends an event and says where it lies: partition and offset, which kcat tells with -vvv.
# murmur2 of the key is where headwater keeps the user; kcat's own default is CRC32.
send() { # user, event
    printf '%s\t%s\n' "$1" "$2" |
        kcat -P -vvv -b "$broker" -t "$events" -K "$tab" -X topic.partitioner=murmur2_random 2>&1 |
        sed -n 's/.*delivered to partition \([0-9]*\) (offset \([0-9]*\)).*/\1 \2/p'
}

read_lists() { # from the beginning on, as JSON with key and payload, until killed
    exec kcat -C -u -q -b "$broker" -t "$lists" -o beginning -J
}

publish() { # user, item, type
    event=$(jq -nc --arg user "$1" --arg item "$2" --arg type "$3" \
        '{user_id: $user, item_id: $item, type: $type}')
    place=$(send "$1" "$event")
    [ -n "$place" ] || { echo "the event was not sent" >&2 && exit 1; }
    partition=${place% *} offset=${place#* }
    echo "${events}[$partition] offset $offset" >&2

    folder=$(mktemp -d)
    mkfifo "$folder/lists"
    # kcat complains when jq has its answer and leaves: that is told only if there is none.
    read_lists >"$folder/lists" 2>"$folder/errors" &
    reader=$!
    (sleep 30 && kill $reader) >/dev/null 2>&1 &
    trap 'kill $reader 2>/dev/null || true; rm -r "$folder"' EXIT
    # The answer: a list of the user whose source is at or past the event, in the same partition.
    jq -n -r --arg user "$1" --arg topic "$events" \
        --argjson partition "$partition" --argjson offset "$offset" '
        first(inputs | select(.key == $user) | .payload // empty
            | select(fromjson.source // {} | .topic == $topic and .partition == $partition
                and .offset >= $offset))' <"$folder/lists" >"$folder/answer"
    [ -s "$folder/answer" ] || { cat "$folder/errors" >&2 && echo "no list within 30 s: does a worker run?" >&2 && exit 1; }
    cat "$folder/answer"
}

case "$#-${1:-}" in
4-publish) publish "$2" "$3" "$4" ;;
2-watch) # the last line is the newest; null: the user was forgotten
    read_lists | jq --unbuffered -r --arg user "$2" 'select(.key == $user) | .payload // "null"'
    ;;
*)
    sed -n '2,6s/^# *//p' "$0" >&2
    exit 2
    ;;
esac
