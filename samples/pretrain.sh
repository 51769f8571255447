#!/usr/bin/env bash
# Makes samples/tiny-llama/model.safetensors again: generates one-step problems and drills from a fixed seed, and trains the
# model on them from random weights. Takes 15 to 20 minutes on two idle cores; the loss ends near 2e-4.
#
#   samples/pretrain.sh [DIR [EXAMPLES [TRAIN OPTIONS ...]]]
#
# DIR (default pretrain-output) gets the data and the run. A small trial: samples/pretrain.sh /tmp/trial 500 --max-steps 3
# After an interruption the same command with --resume at its end goes on from the newest checkpoint.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
directory="${1:-pretrain-output}"
examples="${2:-200000}"
options=("${@:3}")

mkdir -p "$directory"
if [[ " ${options[*]:-} " != *" --resume "* ]]; then
  "$root/llm-adapters" sample --output "$directory" --pretraining "$examples"
fi
if [[ " ${options[*]:-} " != *" --max-steps "* ]]; then options+=(--max-steps 4000); fi
"$root/llm-adapters" train --model "$directory/tiny-llama" --random-init --data "$directory/pretrain.jsonl" \
  --adapter full --output "$directory/run" --batch-size 64 --micro-batch-size 64 --learning-rate 2e-3 \
  --warmup-steps 100 --lr-scheduler cosine --save-steps 250 --cutoff-len 112 --compile on "${options[@]}"
echo "checkpoint: $directory/run (config.json, model.safetensors and the tokenizer)"
