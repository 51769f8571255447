#!/usr/bin/env bash
# Everything that is to be checked and measured on a machine with a GPU, one step after the other, with one command.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

usage() {
  cat <<'USAGE'
usage: tests/gpu.sh [options]

  --output DIR        results (default: gpu-results): NAME.jsonl or NAME.txt for each step, NAME.log with what it said beside,
                      times.txt, table.md. A step whose result is there is not run again.
  --device DEVICE     gpu (default), gpu:N or cpu
  --only NAME,...     these steps alone (a name may end with *)
  --skip NAME,...     not these
  --budget SECONDS    begin no step when so much time has passed; exit code 3 if any is left
  --keep-going        after a step that fails, go on with the next; exit code 1 at the end all the same
  --tiny              tiny sizes, on the CPU unless --device says otherwise: shows that the script works, measures nothing
  --dry-run           print the command lines, run nothing
  --list              print the names of the steps
USAGE
}

output=gpu-results device="" only="" skip="" budget=0 keep_going=no tiny=no dry_run=no list=no
while [ $# -gt 0 ]; do
  case "$1" in
    --output | --device | --only | --skip | --budget)
      [ $# -gt 1 ] || { echo "error: $1 needs a value" >&2; exit 2; }
      name="${1#--}"
      printf -v "$name" '%s' "$2"
      shift ;;
    --keep-going) keep_going=yes ;;
    --tiny) tiny=yes ;;
    --dry-run) dry_run=yes ;;
    --list) list=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "error: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
[[ "$budget" =~ ^[0-9]+$ ]] || { echo "error: --budget is a number of seconds, got $budget" >&2; exit 2; }
if [ -z "$device" ]; then if [ $tiny = yes ]; then device=cpu; else device=gpu; fi; fi

begun=$SECONDS failed=() left=()

matches() { # NAME LIST
  local pattern patterns
  IFS=, read -ra patterns <<<"$2"
  for pattern in "${patterns[@]}"; do
    # shellcheck disable=SC2053 # a pattern it is
    [[ "$1" == $pattern ]] && return 0
  done
  return 1
}

# step NAME SUFFIX COMMAND...: standard output becomes NAME.SUFFIX, when the command has succeeded.
step() {
  local name="$1" suffix="$2" result="$output/$1.$2" from code=0
  shift 2
  if [ -n "$only" ] && ! matches "$name" "$only"; then return 0; fi
  if [ -n "$skip" ] && matches "$name" "$skip"; then return 0; fi
  if [ $list = yes ]; then echo "$name"; return 0; fi
  if [ $dry_run = yes ]; then printf '%s:' "$name"; printf ' %q' "$@"; echo; return 0; fi
  if [ -e "$result" ]; then echo "$name: is there"; return 0; fi
  if [ "$budget" -gt 0 ] && [ $((SECONDS - begun)) -ge "$budget" ]; then left+=("$name"); return 0; fi
  echo "$name: running"
  from=$SECONDS
  "$@" >"$result.part" 2>"$output/$name.log" || code=$?
  if [ $code = 0 ]; then
    mv "$result.part" "$result"
    echo "$name: done in $((SECONDS - from)) s"
    echo "$name $((SECONDS - from)) s" >>"$output/times.txt"
    return 0
  fi
  mv "$result.part" "$output/$name.failed"
  echo "$name: FAILED with exit code $code after $((SECONDS - from)) s" >&2
  echo "$name $((SECONDS - from)) s FAILED" >>"$output/times.txt"
  { tail -n 15 "$output/$name.failed"; tail -n 25 "$output/$name.log"; } >&2
  failed+=("$name")
  if [ $keep_going = no ]; then
    table
    echo "error: step $name failed; all of it is in $output/$name.failed and $output/$name.log. Run again to go on there," \
      "with --skip $name to leave it out" >&2
    exit 1
  fi
}

# The value of a field of a JSON line.
field() { sed -nE 's/.*"'"$2"'":"?([^",}]*)"?[,}].*/\1/p' <<<"$1"; }

# A row for each result, in the order of the steps' files.
table() {
  local file line
  {
    echo "| step | bench | dtype | batch | XLA | gradient checkpointing | milliseconds | tokens/s | GFLOP/s | MFU | device MiB | first step ms |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|"
    for file in "$output"/*.jsonl; do
      [ -e "$file" ] || continue
      while IFS= read -r line; do
        local shape
        shape="$(field "$line" batch_size)"
        [ -n "$(field "$line" sequence_length)" ] && shape+=" x $(field "$line" sequence_length)"
        [ -n "$(field "$line" rows)" ] && shape="$(field "$line" rows) x $(field "$line" inner) x $(field "$line" columns)"
        echo "| $(basename "$file" .jsonl) | $(field "$line" bench) | $(field "$line" dtype) | $shape | $(field "$line" xla)" \
          "| $(field "$line" gradient_checkpointing) | $(field "$line" step_ms_median)$(field "$line" run_ms_median)" \
          "| $(field "$line" tokens_per_second) | $(field "$line" gflops)$(field "$line" gb_per_second | sed 's/$/ GB\/s/')" \
          "| $(field "$line" mfu) | $(field "$line" device_memory_mib) | $(field "$line" first_step_ms)$(field "$line" first_run_ms) |"
      done <"$file"
    done
  } >"$output/table.md.part"
  mv "$output/table.md.part" "$output/table.md"
}

app() { "$root/llm-adapters" "$@"; }

# The parity tests in a build of their own; what they measured goes to standard output.
parity() {
  local profile=() code=0
  if [ "$device" != cpu ]; then profile=(-Pgpu); fi
  (cd "$root" && ./mvnw -B test ${profile[@]+"${profile[@]}"} -Dllmadapters.device="$device" -Dspotless.check.skip=true \
    -pl graph,adapters,conversion,eval,training,tests -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false \
    -Dtest="$1") >"$output/parity.build.log" 2>&1 || code=$?
  # Failures with what was found and what was expected, then how many there were.
  grep -aE 'Tests run:|expected|difference|differs|FAILURE|^\[ERROR\]   ' "$output/parity.build.log" || true
  return $code
}

has_torch() { command -v python3 >/dev/null && python3 -c 'import torch' 2>/dev/null; }

if [ $dry_run = no ] && [ $list = no ]; then mkdir -p "$output"; fi

if [ $tiny = yes ]; then
  model=(--hidden-size 64 --num-hidden-layers 2 --num-attention-heads 4 --intermediate-size 128 --vocab-size 256)
  shapes=2x16,2x32 steps=2 sizes=64 tokens=64 generated=8 rows=1,2 dtype=bfloat16
  parity_tests='HfParityTest'
else
  model=(--preset llama-7b)
  shapes=8x512,4x2048 steps=10 sizes=4096,8192 tokens=4096 generated=128 rows=1,32 dtype=bfloat16
  parity_tests='HfParityTest,HfAdapterParityTest,GenerationParityTest,ExportParityTest,DecodeGraphTest'
fi
mlp=q_proj,k_proj,v_proj,up_proj,down_proj

step devices txt app devices
step matmul jsonl app bench matmul --device "$device" --size "$sizes"
step matmul-step jsonl app bench matmul --device "$device" "${model[@]}" --dtype "$dtype" --dtypes "$dtype" --size "$sizes" \
  --tokens "$tokens"
if [ $tiny = no ]; then
  step quickstart txt app quickstart --device "$device" --output "$output/quickstart" --overwrite
fi
step parity txt parity "$parity_tests"

# The highest rate of products seen; mfu refers to it, and it is measured once.
ceiling=()
if [ -e "$output/matmul.jsonl" ]; then
  peak="$(while IFS= read -r line; do
    if [ "$(field "$line" dtype)" = "$dtype" ]; then field "$line" gflops; fi
  done <"$output/matmul.jsonl" | sort -g | tail -n 1)"
  if [ -n "$peak" ]; then ceiling=(--peak-gflops "$peak"); fi
fi

for lora in qv mlp; do
  if [ $lora = qv ]; then adapter=(--r 8 --target-modules q_proj,v_proj); else adapter=(--r 32 --target-modules "$mlp"); fi
  for xla in on off; do
    for memory in "" -checkpointing; do
      options=()
      if [ -n "$memory" ]; then options=(--gradient-checkpointing); fi
      step "train-$lora-xla-$xla$memory" jsonl app bench train --device "$device" "${model[@]}" --dtype "$dtype" "${adapter[@]}" \
        --shapes "$shapes" --steps "$steps" --compile "$xla" ${ceiling[@]+"${ceiling[@]}"} ${options[@]+"${options[@]}"}
    done
  done
done

for xla in on off; do
  step "generate-xla-$xla" jsonl app bench generate --device "$device" "${model[@]}" --dtype "$dtype" --batch-size "$rows" \
    --max-new-tokens "$generated" --compile "$xla"
done

if [ $list = yes ] || [ $dry_run = yes ] || has_torch; then
  for lora in qv mlp; do
    if [ $lora = qv ]; then adapter=(--r 8 --target-modules q_proj,v_proj); else adapter=(--r 32 --target-modules "$mlp"); fi
    for compile in off on; do
      peer=(python3 "$root/tests/peer/torch_lora.py" --device "${device%%:*}" --dtype "$dtype" "${adapter[@]}" --shapes "$shapes"
        --steps "$steps" --compile "$compile")
      if [ $tiny = yes ]; then peer+=("${model[@]}"); fi
      step "peer-$lora-compile-$compile" jsonl "${peer[@]}"
    done
  done
else
  echo "no python3 with torch: its steps are left out"
fi

if [ $list = yes ] || [ $dry_run = yes ]; then exit 0; fi
table
echo "results: $output/table.md"
if [ ${#left[@]} -gt 0 ]; then
  echo "error: the budget of $budget s was used up before: ${left[*]}. Run again to go on there" >&2
  exit 3
fi
if [ ${#failed[@]} -gt 0 ]; then echo "error: failed: ${failed[*]}" >&2; exit 1; fi
