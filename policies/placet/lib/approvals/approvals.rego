# METADATA
# title: Approvals and waivers
# description: |
#   Signed approvals of the subject for this gate: which hold, and why the others do not. Who approved is the
#   principal of the verified signer, never a name inside the statement. A waiver is an approval of kind waiver.
package placet.lib.approvals

import data.placet.lib.facts
import data.placet.lib.time as moments
import data.placet.settings

# METADATA
# title: Candidates
# description: Every admitted approval of the subject, valid or not.
candidates := facts.of_type("approval", input.subject)

# METADATA
# title: Problems
# description: Why a candidate approval does not hold, as keys of `custom.notes`. The empty set is what approves.
problems[digest] contains "role" if {
	some digest in candidates
	not facts.signed_as(digest, settings.roles.approver)
}

problems[digest] contains "role" if {
	some digest in candidates
	not input.statements[digest].body.role in settings.roles.approver
}

problems[digest] contains "kind" if {
	some digest in candidates
	not input.statements[digest].body.kind == "change"
}

problems[digest] contains "ticket" if {
	some digest in candidates
	not _has_ticket(input.statements[digest].body)
}

problems[digest] contains "conditions" if {
	some digest in candidates
	count(object.get(input.statements[digest].body, "conditions", [])) > 0
}

problems[digest] contains "version" if {
	some digest in candidates
	object.get(input.statements[digest].body, ["change", "to"], input.subject) != input.subject
}

problems[digest] contains "rule" if {
	some digest in candidates
	object.get(input.statements[digest].body, ["scope", "rule"], null) != null
}

problems[digest] contains flaw if {
	some digest in candidates
	some flaw in _flaws[digest]
}

# METADATA
# title: Valid
# description: Approvals that hold for this subject, gate, environment, moment and requester.
valid := {digest | some digest in candidates; not problems[digest]}

# METADATA
# title: Matching
# description: Valid approvals for the ticket that the request names; all valid ones when it names none.
matching := {digest | some digest in valid; _matches(input.statements[digest].body)}

# METADATA
# title: Usable
# description: Matching approvals that were not used before for anything else.
usable := {digest | some digest in matching; _free(digest)}

# METADATA
# title: Principals
# description: The distinct approvers behind a set of approvals.
approvers(digests) := union({_approvers(digest) | some digest in digests})

# METADATA
# title: Quorum
# description: How many distinct approvers the gate wants; at least one where an approval is wanted at all.
quorum := max([1, facts.gate.quorum])

# METADATA
# title: Reserve
# description: |
#   The approvals that an allow uses up: one for each of as many approvers as the quorum wants, those first that were
#   used for this very subject and environment before.
reserve := {row[2] | some row in array.slice(_one_each, 0, quorum)}

# METADATA
# title: Waivers
# description: Valid waivers of the subject for this gate, by the code of the rule they waive.
waivers[code] contains digest if {
	facts.gate.waivers.accepted
	some digest in facts.of_type("waiver", input.subject)
	body := input.statements[digest].body
	body.kind == "waiver"
	facts.signed_as(digest, settings.roles.approver)
	not _flaws[digest]
	code := body.scope.rule
	is_string(code)
	not unwaivable(code)
}

# METADATA
# title: Waived
# description: Rules with waivers by as many distinct principals as the gate wants, and those waivers.
waived[code] := digests if {
	some code, digests in waivers
	count(approvers(digests)) >= facts.gate.waivers.principals
}

# METADATA
# title: Unwaivable
# description: |
#   True for what no signature can set aside: what the settings list, and the policy's checks on itself.
default unwaivable(_) := false

unwaivable(code) if code in settings.unwaivable

unwaivable(code) if startswith(code, "policy.")

# METADATA
# title: Until
# description: When a statement stops to hold, in UTC.
until(digest) := time.format(moments.ns(input.statements[digest].body.validUntil))

_approvers(digest) := facts.principals(digest, settings.roles.approver)

# What can be wrong with an approval and with a waiver alike: nothing, or it does not hold.
_flaws[digest] contains "decision" if {
	some digest in _considered
	not input.statements[digest].body.decision == "approve"
}

_flaws[digest] contains "gate" if {
	some digest in _considered
	not input.statements[digest].body.scope.gate == input.gate
}

_flaws[digest] contains "environment" if {
	some digest in _considered
	not _in_environment(input.statements[digest].body.scope)
}

_flaws[digest] contains "early" if {
	some digest in _considered
	not moments.began(object.get(input.statements[digest].body, "validFrom", ""))
}

_flaws[digest] contains "late" if {
	some digest in _considered
	not _unexpired(input.statements[digest].body)
}

_flaws[digest] contains "requester" if {
	some digest in _considered
	count(_approvers(digest) & _requester) > 0
}

_flaws[digest] contains "builder" if {
	some digest in _considered
	count(_approvers(digest) & builders) > 0
}

_flaws[digest] contains "nobody" if {
	some digest in _considered
	facts.gate.require_actor
	not input.request.actor
}

_considered := candidates | facts.of_type("waiver", input.subject)

_in_environment(scope) if scope.environment == input.request.environment

_in_environment(scope) if not scope.environment

_unexpired(body) if moments.now < moments.ns(body.validUntil)

_requester := {principal | principal := input.request.actor.principal}

_has_ticket(body) if {
	is_string(body.ticket.system)
	is_string(body.ticket.id)
	trim_space(body.ticket.system) != ""
	trim_space(body.ticket.id) != ""
}

_matches(body) if body.ticket.id == input.request.context.ticket

_matches(_) if not input.request.context.ticket

# METADATA
# title: Builders
# description: Principals who made anything in the lineage. They cannot approve what they made.
builders contains principal if {
	some artifact, _ in input.artifacts
	some statement in facts.producing(artifact)
	some principal in facts.principals(statement, settings.roles.producer)
}

_free(digest) if not input.history.uses[digest]

_free(digest) if _ours(digest)

_ours(digest) if {
	use := input.history.uses[digest]
	use.gate == input.gate
	use.subject == input.subject
	object.get(use, "environment", "") == object.get(input.request, "environment", "")
}

_rank(digest) := 0 if {
	_ours(digest)
} else := 1

# For each approver the approval to use, as [rank, approver, digest], in that order.
_one_each := sort([best |
	some approver in approvers(usable)
	best := min({[_rank(digest), approver, digest] | some digest in usable; approver in _approvers(digest)})
])
