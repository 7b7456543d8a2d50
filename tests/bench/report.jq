# SPDX-License-Identifier: Apache-2.0
# bench.sh's samples and rows -> bench.json

def table: split("\n") | map(select(. != "") | split("\t"));
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def round3: . * 1000 | round / 1000;
def higher_is_better: . == "MB/s";
def best($unit): if $unit | higher_is_better then max else min end;
# Above 1 is worse, whatever the unit.
def ratio($to; $unit):
	if (if $unit | higher_is_better then . else $to end) == 0 then null
	elif $unit | higher_is_better then $to / . else . / $to end | if . then round3 else . end;

($samples | table | group_by([.[0], .[1]]) | map({
	key: (.[0][0] + "\t" + .[0][1]),
	value: {
		case: .[0][0], subject: .[0][1], unit: .[0][2],
		values: map(.[3] | tonumber)
	}
}) | from_entries) as $measured
| ($measured | map_values(. + {
	median: (.values | median | round3),
	best: (.unit as $u | .values | best($u) | round3)
})) as $measured
| {
	version: 2,
	date: $date, moat: $moat, runs: $runs, host: $host,
	guest: { kernel: $kernel, tuned_kernel: $tuned, machine: $machine, accelerator: $accelerator, memory: $memory },
	results: [
		$rows | table[] | . as [$section, $case, $subject, $reference, $goal]
		| $measured[$case + "\t" + $subject] as $m
		| select($m != null)
		| $measured[$case + "\t" + $reference] as $r
		| ($goal | tonumber? // null) as $limit
		| (if $r then ($m.median | ratio($r.median; $m.unit)) else null end) as $ratio
		| {
			section: $section, case: $case, subject: $subject, unit: $m.unit, median: $m.median, best: $m.best,
			reference: (if $r then { subject: $r.subject, median: $r.median, best: $r.best } else null end),
			ratio: $ratio, best_ratio: (if $r then ($m.best | ratio($r.best; $m.unit)) else null end),
			goal: $limit,
			met: (if $limit == null then null else ($ratio // $m.median) <= $limit end)
		}
	],
	timelines: [
		[$measured[] | select(.case | startswith("timeline "))] | group_by(.case)[] | {
			case: (.[0].case | ltrimstr("timeline ")),
			steps: (map({ step: .subject, at_ms: .median }) | sort_by(.at_ms)
				| [foreach .[] as $s ({ last: 0 }; { last: $s.at_ms, took: ($s.at_ms - .last) };
					$s + { took_ms: (.took | round3) })])
		}
	],
	samples: [$measured[] | { case, subject, unit, values }]
}
