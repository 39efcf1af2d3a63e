#!/usr/bin/env bash
# Checks the model in every scope, and then that each mutant of it fails with the
# property that is named for it. Needs spin and gcc. Without spin it says so and
# leaves everything out, which CI (with CI set) takes for a failure.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v spin >/dev/null || ! command -v gcc >/dev/null; then
	echo "model: NOT CHECKED: spin and gcc are not both installed (apt-get install spin gcc)" >&2
	test -z "${CI:-}"
	exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# search FLAG... prints the property that is violated, or "holds" and the states.
search() {
	local dir="$work/run" kind=-DSAFETY accept= optimise=-O0
	rm -rf "$dir" && mkdir "$dir"
	if [[ " $* " == *" -DLIVENESS "* ]]; then kind=-DLTL accept=-a optimise=-O1; fi
	cp weir.pml "$dir"
	(
		cd "$dir"
		spin -a "$@" weir.pml >spin.out || { cat spin.out >&2; exit 1; }
		gcc "$optimise" -w "$kind" -DCOLLAPSE -DVECTORSZ=512 -DMEMLIM=3000 -o pan pan.c
		./pan $accept -m100000 -w24 >pan.out
	)
	if grep -q 'assertion violated' "$dir/pan.out"; then
		sed -n 's/.*assertion violated \([a-z_]*\).*/\1/p' "$dir/pan.out" | head -1
	elif grep -q 'acceptance cycle' "$dir/pan.out"; then
		echo everything_is_done
	elif grep -q 'errors: 0' "$dir/pan.out" && ! grep -q 'Search not completed\|max search depth' "$dir/pan.out"; then
		sed -n 's/^ *\([0-9]*\) states, stored.*/holds \1/p' "$dir/pan.out"
	else
		cat "$dir/pan.out" >&2
		echo incomplete
	fi
}

failed=0
total=0

# scope NAME FLAG... : all properties hold.
scope() {
	local name=$1 got start=$SECONDS
	shift
	got=$(search "$@" -DLIVENESS)
	if [[ $got == holds* ]]; then total=$((total + ${got#* })); else failed=1; fi
	printf '%-32s %-24s %10s states %4d s\n' "$name" "${got%% *}" "${got#* }" $((SECONDS - start))
}

# mutant NAME PROPERTY FLAG... : PROPERTY fails.
killed=0
mutants=0
mutant() {
	local name=$1 want=$2 got start=$SECONDS
	shift 2
	got=$(search "-DMUTANT_$name" "$@")
	mutants=$((mutants + 1))
	if [[ ${got%% *} == "$want" ]]; then
		killed=$((killed + 1))
	else
		failed=1
		got="$got, WANT $want"
	fi
	printf '%-32s %-46s %4d s\n' "$name" "$got" $((SECONDS - start))
}

echo "model"
scope "two moves, a pause" -DMOVES=2 -DPAUSES=1
scope "writes, drains, answers fail" -DMOVES=1 -DFAILS=1 -DTIMEOUTS=1 -DMUTES=1
scope "a member is thrown out" -DKICKS=1
scope "thrown out and moved, 2 records" -DN=2 -DKICKS=1 -DMOVES=1
scope "a member crashes" -DCRASHES=1 -DMOVES=1 -DN="${CRASH_RECORDS:-2}"

echo "mutants"
mutant COMMIT_MAXIMUM commit_not_ahead
mutant MARK_BEFORE_ACK commit_not_ahead
mutant FAILED_COUNTS_AS_DONE commit_not_ahead -DFAILS=1
mutant DROPPED_COUNTS_AS_DONE commit_not_ahead -DMOVES=1
mutant BARRIER_SKIPPED commit_not_ahead -DKICKS=1
mutant STALE_ACK_COUNTS map_not_ahead -DKICKS=1
mutant COMMIT_LOCK_SKIPPED commit_not_back -DMOVES=1
mutant COMMIT_AFTER_LOST commit_not_back -DKICKS=1
mutant LOST_DOES_NOT_WAIT commit_not_back -DKICKS=1
mutant OWNER_NOT_ASKED commit_not_back -DKICKS=1
mutant CATCH_UP_SKIPPED commit_not_back -DKICKS=1 -DMOVES=1 -DN=2
mutant FIRST_COMMIT_UNASKED commit_not_back -DKICKS=1 -DMOVES=1 -DN=2
mutant KEY_IN_TWO_LANES key_in_order
mutant DRAIN_SKIPPED no_repeat_without_cause -DMOVES=1
mutant DRAIN_SKIPPED nothing_after_hand_over -DMOVES=1 -DREPEATS=true
mutant FENCE_BEFORE_DRAIN no_repeat_without_cause -DMOVES=1
mutant FINAL_COMMIT_SKIPPED no_repeat_without_cause -DMOVES=1
mutant MAP_IGNORED no_repeat_without_cause -DMOVES=1
mutant MAP_NOT_HANDED_ON no_repeat_without_cause -DMOVES=2
mutant RESUME_FORGOTTEN everything_is_done -DMOVES=2 -DPAUSES=1 -DLIVENESS

echo "model: $total states; mutants: $killed of $mutants fail as they should"
exit $failed
