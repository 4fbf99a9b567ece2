#!/usr/bin/env bash
# Upload a picture, submit an edit, follow it and save the result, with curl alone.
#
#   BASE=http://127.0.0.1:8000 KEY=ofk_... examples/submit.sh boat.jpg "blur the background"
set -euo pipefail

picture=${1:?the picture to edit}
prompt=${2:?what to do with it}
: "${BASE:=http://127.0.0.1:8000}" "${KEY:?an API key}"

call() { curl --silent --show-error --fail-with-body --header "Authorization: Bearer $KEY" "$@"; }

# The text value of a member, from compact JSON on stdin. Use a real JSON reader in a real program.
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }

url=$(call "$BASE/v1/files" --form "file=@$picture" | member url)
echo "uploaded: $url"

id=$(call "$BASE/v1/models/bytedance/dreamina-4-0/edit" --data "{
  \"image_urls\": [\"$url\"],
  \"prompt\": \"$(quoted "$prompt")\",
  \"width×height\": \"1024x1024(1:1)\"
}" | member request_id)
echo "request: $id"

# Each event as it happens; the stream ends with the request.
call --no-buffer "$BASE/v1/requests/$id/events" | sed -n 's/^data: //p'

result=$(call "$BASE/v1/requests/$id/result")
image=$(printf '%s' "$result" | member image)
if [ -z "$image" ]; then
  echo "$result" >&2
  exit 1
fi
curl --silent --show-error --fail --remote-name "$image" # a file needs no key
echo "saved: ${image##*/}"
