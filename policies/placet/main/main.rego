# METADATA
# title: The decision
# description: |
#   Collects what the rules of the gate's collections report, checks that none was silent, sets waivers against
#   failures, and says placet or non placet. Deny is what it says unless every expected check lets the subject pass.
package placet.main

import data.placet.index
import data.placet.lib.approvals
import data.placet.lib.facts
import data.placet.lib.result
import data.placet.lib.time as moments
import data.placet.settings

# METADATA
# title: Decision
# description: The answer to one request; its shape is policies/schemas/answer.json. The only entrypoint.
# entrypoint: true
decision := {
	"version": 1,
	"gate": input.gate,
	"subject": input.subject,
	"verdict": verdict,
	"would": would,
	"mode": mode,
	"checks": [checks[code] | some code in sort(object.keys(checks))],
	"waivers": sort({digest | some code, check in checks; check.waiver; some digest in approvals.waived[code]}),
	"obligations": [],
	"reserve": sort(reserve),
}

# METADATA
# title: Mode
# description: What the verdict does; a gate that nobody knows is enforced.
default mode := "enforce"

mode := facts.gate.mode

# METADATA
# title: Would
# description: |
#   What enforcement says. Allowed is only what at least one check lets pass and none holds up.
default would := "deny"

would := "allow" if {
	statuses := {check.status | some check in checks}
	count(statuses & _stopping) == 0
	count(statuses & {"pass", "warn", "waived"}) > 0
}

# METADATA
# title: Verdict
# description: What counts. Only an enforced gate denies; the other modes say what they would have done.
default verdict := "deny"

verdict := "allow" if would == "allow"

verdict := "allow" if mode != "enforce"

# METADATA
# title: Reserve
# description: The approvals that this decision uses up. A dry run and a denial use none.
default reserve := set()

reserve := approvals.reserve if {
	verdict == "allow"
	not input.request.dry_run
	"change.approval_used" in expected
}

# METADATA
# title: Expected
# description: The codes that the gate's collections expect, by the generated index of all rules.
expected contains code if {
	some collection in facts.gate.collections
	some code in _members[collection]
}

_members := _indexed

_indexed[collection] contains code if {
	some code, rule in index.rules
	some collection in rule.collections
}

# METADATA
# title: Checks
# description: Every expected check that reported, and the policy's failing checks on itself, by code.
checks[code] := _check(code, reports) if {
	some code in expected
	reports := _reports[code]
}

checks[check.code] := _check(check.code, {check}) if some check in self

# METADATA
# title: The gate is known
# description: The settings say what the gate asks; a gate that they do not name admits nothing.
# custom:
#   code: policy.unknown_gate
#   failure_msg: "no gate {gate} in the settings"
#   solution: "name one of: {gates}"
#   severity: error
#   controls: [NIST-800-53-CM-3]
#   requirements: [R52]
#   collections: []
#   depends_on: []
self contains result.report(rego.metadata.chain(), {input.gate}, judged) if {
	not facts.gate
	judged := {input.gate: result.holds(false, {"values": {"gates": concat(", ", sort(object.keys(settings.gates)))}})}
}

# METADATA
# title: Every expected rule reported
# description: |
#   A rule that the gate expects and that says nothing has not passed; a collection without rules asks nothing.
# custom:
#   code: policy.no_report
#   failure_msg: "rule {target} reported nothing"
#   messages:
#     collection: "collection {target} of gate {gate} has no rule"
#   solution: "the policy set is at fault: go back to the last good one, and run  placet policy test"
#   severity: error
#   controls: [NIST-800-53-CM-3]
#   requirements: [R52]
#   collections: []
#   depends_on: []
self contains result.report(rego.metadata.chain(), silent | empty, judged) if {
	silent := {code | some code in expected; not _reports[code]}
	empty := {collection | some collection in facts.gate.collections; not _members[collection]}
	count(silent | empty) > 0
	judged := {target: judgement |
		some target in (silent | empty)
		judgement := result.holds(false, {"message": {true: "collection", false: ""}[target in empty]})
	}
}

# METADATA
# title: Every report is of a known rule
# description: |
#   A rule that is not in the generated index, or reports under another's code, is not part of this policy set.
# custom:
#   code: policy.unknown_code
#   failure_msg: "a rule reports under {target}, which the index does not know"
#   messages:
#     twice: "more than one rule reports under {target}"
#   solution: "generate the index again and look at what changed:  placet policy build"
#   severity: error
#   controls: [NIST-800-53-CM-3]
#   requirements: [R52]
#   collections: []
#   depends_on: []
self contains result.report(rego.metadata.chain(), unknown | twice, judged) if {
	unknown := {code | some code, _ in _reports; not index.rules[code]}
	twice := {code | some code, reports in _reports; count(reports) > 1}
	count(unknown | twice) > 0
	judged := {code: judgement |
		some code in (unknown | twice)
		judgement := result.holds(false, {"message": {true: "", false: "twice"}[code in unknown]})
	}
}

# All reports by code, collected once: a look-up in `_collected` itself would ask every topic again.
_reports := _collected

_collected[report.code] contains report if {
	some topic
	some report in data.placet.rules[topic].report
}

_order := ["fail", "skipped", "warn", "waived", "pass", "not_applicable"]

_stopping := {"fail"} | {"skipped" | not facts.gate.allow_skipped}

# One check from the reports under its code: the words of the first, the worst of all results.
_check(code, reports) := object.union_n([
	object.remove(report, ["effective_on", "solution", "results"]),
	{
		"status": _final(code, report, status),
		"solution": object.get(leading, "solution", report.solution),
		"results": [object.remove(row, ["solution"]) | some row in rows],
	},
	{"message": leading.message | leading.message},
	{"waiver": _waiver(code) | _final(code, report, status) == "waived"},
]) if {
	report := min(reports)
	rows := [row[1] | some row in sort({[found.target, found] | some other in reports; some found in other.results})]
	status := _worst({row.status | some row in rows})
	leading := [row | some row in rows; row.status == status][0]
}

_worst(statuses) := [status | some status in _order; status in statuses][0]

_final(code, report, status) := "warn" if {
	status in {"fail", "skipped"}
	_lenient(report)
} else := "waived" if {
	status == "fail"
	approvals.waived[code]
} else := status

_lenient(report) if report.severity == "warning"

_lenient(report) if {
	report.effective_on != ""
	moments.ahead(report.effective_on)
}

# The first waiver to end tells how long the check stays waived.
_waiver(code) := {"statement": first[1], "until": first[0], "by": by} if {
	digests := approvals.waived[code]
	first := min({[approvals.until(digest), digest] | some digest in digests})
	by := concat(", ", sort({facts.signers(digest) | some digest in digests}))
}
