# SPDX-License-Identifier: Apache-2.0
# bench.json -> text

def left($n): tostring | . + (" " * ($n - length) // "");
def right($n): tostring | (" " * ($n - length) // "") + .;
def digits: if (. | fabs) >= 100 then round elif (. | fabs) >= 10 then . * 10 | round / 10 else . * 100 | round / 100 end;
def quantity($unit): "\(digits) \($unit)";
def verdict: if .goal == null then "" else "\(.goal)\(if .reference then "" else " " + .unit end) \(if .met then "met" else "MISSED" end)" end;
def line($a; $b; $c; $d; $e; $f; $g): ($a | left(9)) + ($b | left(46)) + ($c | right(12)) + "  " + ($d | left(32))
	+ ($e | right(7)) + ($f | right(7)) + "  " + $g;

"\(.moat), \(.date), medians of \(.runs) runs, load \(.host.load) to \(.host.load_at_end) on \(.host.cpus) x \(.host.cpu)",
(select(.guest.machine != "") | "\(.guest.machine), \(.guest.accelerator), \(.guest.memory), kernel \(.guest.kernel)\(
	if .guest.tuned_kernel != "" then ", tuned \(.guest.tuned_kernel)" else "" end), \(.host.qemu)"),
"",
line("section"; "what"; "moat"; "reference"; "ratio"; "best"; "goal"),
(.results[] | line(.section;
	if .subject == "moat" then .case else "\(.case) (\(.subject | ltrimstr("moat, ")))" end;
	.unit as $u | .median | quantity($u);
	if .reference then .unit as $u | "\(.reference.subject) \(.reference.median | quantity($u))" else "" end;
	.ratio // "" | if . == "" then . else digits end; .best_ratio // "" | if . == "" then . else digits end; verdict)),
(.timelines[] | "", "\(.case | if startswith("podman") then . else "moat run /bin/true, \(.)" end), step by step, ms", ("at" | right(10)) + ("took" | right(9)) + "  step",
	(.steps[] | (.at_ms * 10 | round / 10 | right(10)) + (.took_ms * 10 | round / 10 | right(9)) + "  " + .step))
