# METADATA
# title: Change
# description: Whether people other than the requester and the builders decided that this subject may pass this gate.
package placet.rules.change

import data.placet.lib.approvals
import data.placet.lib.facts
import data.placet.lib.result

# METADATA
# title: The change is approved
# description: |
#   An admitted approval of the subject holds: signed under an approver's role, of kind change, decision approve, for
#   this gate and environment, with a ticket, inside its window of time, and its principal neither asks at the gate
#   nor made anything in the lineage. It is about this version where it names one, about no single rule, and
#   without conditions.
# custom:
#   code: change.approved
#   failure_msg: "no valid approval for gate {gate}"
#   solution: >-
#     a role "{approver}" other than the requester and the builders
#     signs one:  placet approve {gate} {subject} --ticket ID
#   notes:
#     trust.role_missing: "there is one by {signer}, but its signer may not approve ({finding})"
#     role: "there is one by {signer}, but not under a role \"{approver}\""
#     kind: "there is one by {signer}, but it is of another kind than change"
#     conditions: "there is one by {signer}, but it holds under conditions that nothing here can check"
#     version: "there is one by {signer}, but it is for another version"
#     rule: "there is one by {signer}, but it is about one rule"
#     ticket: "there is one by {signer}, but it names no change ticket"
#     decision: "there is one by {signer}, but it does not approve"
#     gate: "there is one by {signer}, but it is for gate {scope_gate}"
#     environment: "there is one by {signer}, but it is for environment {scope_environment}"
#     early: "there is one by {signer}, but it holds only from {from}"
#     late: "there is one by {signer}, but it held only until {until}"
#     requester: "there is one by {signer}, but its principal is the requester"
#     builder: "there is one by {signer}, but its principal made something in the lineage"
#     nobody: "there is one by {signer}, but with no authenticated caller it cannot be told from the requester's"
#   severity: error
#   controls: [NIST-800-53-CM-3, SOC2-CC8.1, EU-AI-ACT-14.4]
#   requirements: [R16, R72]
#   collections: [change]
#   depends_on: [request.actor_unknown]
report contains result.report(rego.metadata.chain(), {input.subject}, judged) if {
	notes := facts.refused("approval", input.subject) | _problems
	judged := {input.subject: result.exists(approvals.valid, {"notes": notes})}
}

# METADATA
# title: The approval was not used for something else
# description: |
#   Enough valid approvals were not used yet, or were used for this very subject, gate and environment: asking again
#   is free, asking for something else is not.
# custom:
#   code: change.approval_used
#   failure_msg: "every valid approval was used before for something else"
#   messages:
#     some: "of the valid approvals too few are unused: {free} of {quorum}"
#   not_applicable: no valid approval
#   solution: "a role \"{approver}\" signs a new one:  placet approve {gate} {subject} --ticket ID"
#   notes:
#     used: "the one by {signer} was used at gate {used_gate} for {used_subject}"
#   severity: error
#   controls: [NIST-800-53-CM-3, SOC2-CC8.1]
#   requirements: [R16]
#   collections: [change]
#   depends_on: [change.approved]
report contains result.report(rego.metadata.chain(), _subject_if(approvals.matching), judged) if {
	free := count(approvals.approvers(approvals.usable))
	message := {true: "", false: "some"}[free == 0]
	judged := {input.subject: result.holds(free >= approvals.quorum, {
		"evidence": approvals.usable,
		"message": message,
		"values": {"free": free, "quorum": approvals.quorum},
		"notes": {_used(digest) | some digest in (approvals.matching - approvals.usable)},
	})}
}

# METADATA
# title: Enough people approved
# description: As many distinct principals hold a valid approval as the settings want for the gate.
# custom:
#   code: change.role_quorum
#   failure_msg: "{found} of {quorum} approvers have approved"
#   not_applicable: no valid approval
#   solution: "further principals under a role \"{approver}\" sign:  placet approve {gate} {subject} --ticket ID"
#   severity: error
#   controls: [NIST-800-53-AC-5, SOC2-CC8.1]
#   requirements: [R72]
#   collections: [change]
#   depends_on: [change.approved]
report contains result.report(rego.metadata.chain(), _subject_if(approvals.valid), judged) if {
	found := count(approvals.approvers(approvals.valid))
	judged := {input.subject: result.holds(found >= approvals.quorum, {
		"evidence": approvals.valid,
		"values": {"found": found, "quorum": approvals.quorum},
	})}
}

# METADATA
# title: The caller is authenticated
# description: The gate knows who asks, where its settings want that. Without a requester, nobody can be told from one.
# custom:
#   code: request.actor_unknown
#   failure_msg: "gate {gate} wants to know who asks, and nobody authenticated"
#   not_applicable: the gate does not ask who calls
#   solution: "ask with a key that trust.yaml knows:  placet gate {gate} {subject} --as NAME   (see:  placet key list)"
#   severity: error
#   controls: [NIST-800-53-IA-2, NIST-800-53-AC-5]
#   requirements: [R52, R72]
#   collections: [base, change]
#   depends_on: []
report contains result.report(rego.metadata.chain(), targets, judged) if {
	targets := {input.subject | facts.gate.require_actor}
	judged := {input.subject: result.holds(_authenticated, {})}
}

default _authenticated := false

_authenticated if input.request.actor.principal != ""

_subject_if(digests) := {input.subject | count(digests) > 0}

_problems := {note |
	some digest, problems in approvals.problems
	some problem in problems
	scope := input.statements[digest].body.scope
	note := {"note": problem, "values": {
		"signer": facts.signers(digest),
		"scope_gate": object.get(scope, "gate", "none"),
		"scope_environment": object.get(scope, "environment", "none"),
		"from": object.get(input.statements[digest].body, "validFrom", "always"),
		"until": object.get(input.statements[digest].body, "validUntil", "never"),
	}}
}

_used(digest) := {"note": "used", "values": {
	"signer": facts.signers(digest),
	"used_gate": object.get(input.history.uses[digest], "gate", "none"),
	"used_subject": facts.short(object.get(input.history.uses[digest], "subject", "none")),
}}
