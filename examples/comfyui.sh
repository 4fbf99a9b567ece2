#!/usr/bin/env bash
# Make a model of a ComfyUI workflow, see that the server can run it, serve it, and run it once.
#
#   COMFYUI=http://127.0.0.1:8188 examples/comfyui.sh boat.jpg
#
# The workflow needs no weights, so a ComfyUI on the CPU (python main.py --cpu) will do.
set -euo pipefail

picture=$(realpath "${1:?the picture to turn into a negative}")
workflow=$(realpath "$(dirname "$0")/invert.json")
: "${COMFYUI:=http://127.0.0.1:8188}"

folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null && wait "${server:-}" || true; rm -rf "$folder"' EXIT
here=$PWD
cd "$folder"

officina models import-comfyui "$workflow" --id studio/negative --server "$COMFYUI"
officina models check models --online

officina serve --models models --port 0 --json > served.json 2> serve.log &
server=$!
until [ -s served.json ]; do
  kill -0 "$server" 2>/dev/null || { cat serve.log >&2; exit 1; }
  sleep 0.2
done

officina run studio/negative image_url=@"$picture" --out "$here" --name negative
