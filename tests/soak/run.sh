#!/usr/bin/env bash
# What is too slow for every day: run it at night, on a machine that has an hour or two to spare.
#
#     bash tests/soak/run.sh [SECTION...]
#
# Prints figures as it goes. Its status is 1 if anything was wrong in any section.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

PYTHON=${PYTHON:-.venv/bin/python}
SECTIONS=(threads probes programs compiled trainings injected growth fuzz rules)
export OMP_NUM_THREADS=1
n_wrong=0

wrong() { echo "WRONG: $*"; n_wrong=$((n_wrong + 1)); }
gradtrace() { "$PYTHON" -m gradtrace "$@"; }

# Two and eight threads with a model each, at every level: nobody dies, and nobody's recorder fails.
threads() {
  local runs=${RUNS:-50} n options out status bad
  for n in 2 8; do
    sed "s/range(4)/range($n)/" tests/faults/threads_segfault.py > "$scratch/threads.py"
    for options in "" "--passes all" "--facts" "--facts --level full --passes all"; do
      bad=0
      for ((run = 0; run < runs; run++)); do
        # shellcheck disable=SC2086  # the options are words
        out=$(gradtrace record $options -o "$scratch/threads.gtrace" "$scratch/threads.py" 2> "$scratch/said")
        status=$?
        if [[ $status != 0 || $out != "$n" ]] || grep -q "failed\|switched itself off" "$scratch/said"; then bad=$((bad + 1)); fi
      done
      echo "threads $n, '$options': $bad of $runs runs wrong"
      ((bad == 0)) || wrong "threads $n '$options'"
    done
  done
  for ((run = 0; run < runs; run++)); do
    "$PYTHON" -m pytest -q -p no:cacheprovider tests/e2e/test_e2e_trainings.py -k several_threads || wrong "threads $run"
    "$PYTHON" -m pytest -q -p no:cacheprovider tests/e2e/test_e2e_faults.py -k time_limit || wrong "time limit $run"
  done
}

# What a program can see of us, each in a process of its own, at two depths.
probes() {
  compare tests/torch_probes
  local depth
  for depth in "" "--facts --level full --passes all"; do
    # shellcheck disable=SC2086
    (cd tests/probes && "$python" compare.py "$python" "$python" -m gradtrace record -q $depth -o '{out}' --) || wrong "probes '$depth'"
  done
}

# The programs at which the recorder once failed, and the pytest rows about them.
programs() { "$PYTHON" -m pytest -q -p no:cacheprovider tests/e2e/test_e2e_faults.py tests/e2e/test_e2e_strange_files.py || wrong faults; }

# Every way to compile, with both backends.
compiled() {
  COMPILE_BACKEND=aot_eager compare tests/compiled
  if command -v g++ > /dev/null; then COMPILE_BACKEND=inductor compare tests/compiled; else wrong "inductor needs g++"; fi
}

trainings() { compare tests/trainings; }

compare() {
  local depth
  for depth in "" --full; do
    echo "$1 ${depth:---default}"
    # shellcheck disable=SC2086
    "$PYTHON" tests/bare_and_traced.py "$1" $depth || wrong "$1 $depth"
  done
}

# Every function of the recorder fails on its first and on its third call.
injected() {
  local depth
  for depth in default full; do "$PYTHON" tests/injected_failures.py --calls 1,3 --depth "$depth" || wrong "injected $depth"; done
}

# Memory and file stay bounded over 2,000 steps and over 200,000 tiny passes.
growth() { "$PYTHON" tests/soak/growth.py || wrong growth; }

# 5,000 mutated recordings are read, or refused in words.
fuzz() { "$PYTHON" tests/soak/fuzz.py "${MUTATIONS:-5000}" || wrong fuzz; }

# The time that a check takes grows with the length of a recurrence, not with its square.
rules() {
  local n start
  for n in 100 400 1600; do
    start=$SECONDS
    timeout 600 "$PYTHON" -m gradtrace check -q tests/faults/long_recurrence.py -- "$n" > /dev/null 2>&1
    (($? < 2)) || wrong "check of a recurrence of $n steps"
    echo "check of a recurrence of $n steps: $((SECONDS - start)) s"
  done
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python=$(realpath -s "$PYTHON")
for section in "${@:-${SECTIONS[@]}}"; do
  [[ " ${SECTIONS[*]} " == *" $section "* ]] || { echo "there is no section $section; there are: ${SECTIONS[*]}" >&2; exit 2; }
  printf '\n=== %s ===\n' "$section"
  start=$SECONDS
  "$section"
  echo "$section took $((SECONDS - start)) s"
done
printf '\n%s wrong\n' "$n_wrong"
exit $((n_wrong > 0))
