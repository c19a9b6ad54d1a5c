# METADATA
# title: Freshness
# description: Whether what was shown once still holds now.
package placet.rules.freshness

import data.placet.lib.approvals
import data.placet.lib.facts
import data.placet.lib.measurements
import data.placet.lib.result
import data.placet.lib.time as moments
import data.placet.settings

# METADATA
# title: The evaluation is fresh
# description: The newest evaluations ended, and arrived here, within the age that the settings allow, and still hold.
# custom:
#   code: quality.evaluation_fresh
#   failure_msg: "the evaluation of {label} is older than {days} days"
#   messages:
#     expired: "the evaluation of {label} is no longer valid"
#   not_applicable: no evaluation
#   solution: >-
#     a role "{evaluator}" measures again and signs:  placet measure evaluation --model {path}
#     --labels FILE --predictions FILE
#   notes:
#     expired: "suite {suite} was valid only until {until}"
#     age: "suite {suite} ended {finished} and arrived {since}"
#   severity: error
#   controls: [EU-AI-ACT-72.1, NIST-AI-RMF-MEASURE-2.4]
#   requirements: [R35, R75]
#   collections: [quality]
#   depends_on: [quality.evaluation_threshold]
#   supersedes: true
report contains result.report(rego.metadata.chain(), measurements.evaluated, judged) if {
	judged := {model: judgement |
		some model in measurements.evaluated
		newest := measurements.newest[model]
		stale := {digest | some digest in newest; not _fresh(input.statements[digest])}
		expired := {digest | some digest in newest; measurements.expired(digest)}
		judgement := result.holds(count(stale | expired) == 0, {
			"evidence": newest,
			"message": {true: "expired", false: ""}[count(stale) == 0],
			"values": {"days": settings.freshness.evaluation_days},
			"notes": ({_age(input.statements[digest]) | some digest in stale} | {_end(input.statements[digest]) |
				some digest in expired
			}),
		})
	}
}

# METADATA
# title: The data may still be kept
# description: |
#   An owner's statement of each dataset names no end of its retention, or one that is still to come. Who extends the
#   retention signs a new statement.
# custom:
#   code: data.not_expired
#   failure_msg: "the retention of {label} has ended"
#   not_applicable: no dataset with an owner's statement
#   solution: >-
#     make the subject without it, or a role "{data_owner}" extends
#     the retention:  placet attest dataset {path}
#   notes:
#     expired: "it was to be kept until {until}"
#   severity: error
#   controls: [ISO-42001-A.7.2, GDPR-5.1.e]
#   requirements: [R55]
#   collections: [data]
#   depends_on: [data.origin_known]
report contains result.report(rego.metadata.chain(), facts.owned, judged) if {
	judged := {dataset: judgement |
		some dataset in facts.owned
		statements := facts.ownership(dataset)
		good := {statement | some statement in statements; moments.ahead(_retention(statement))}
		notes := {{"note": "expired", "values": {"until": _retention(statement)}} | some statement in statements}
		judgement := result.exists(good, {"notes": notes})
	}
}

# METADATA
# title: The approval is for the ticket of the request
# description: Where the request names a change ticket, a valid approval names the same one.
# custom:
#   code: change.ticket_matches
#   failure_msg: "no valid approval is for ticket {ticket}"
#   not_applicable: the request names no ticket, or no approval is valid
#   solution: "ask with the ticket that was approved:  placet gate {gate} {subject} --context ticket=ID"
#   notes:
#     other: "the one by {signer} is for ticket {other}"
#   severity: error
#   controls: [NIST-800-53-CM-3, SOC2-CC8.1]
#   requirements: [R16]
#   collections: [change]
#   depends_on: [change.approved]
report contains result.report(rego.metadata.chain(), targets, judged) if {
	targets := {input.subject | input.request.context.ticket; count(approvals.valid) > 0}
	judged := {input.subject: judgement |
		some ticket in {input.request.context.ticket}
		judgement := result.exists(approvals.matching, {
			"values": {"ticket": ticket},
			"notes": {_other(digest) | some digest in approvals.valid},
		})
	}
}

default _fresh(_) := false

_fresh(statement) if {
	hours := settings.freshness.evaluation_days * 24
	moments.within(statement.body.finished, hours)
	moments.within(statement.since, hours)
	moments.seconds(statement.since, statement.body.finished) <= settings.freshness.clock_skew_seconds
}

_age(statement) := {"note": "age", "values": {
	"suite": statement.body.suite.name,
	"finished": object.get(statement.body, "finished", "at no recorded time"),
	"since": statement.since,
}}

_end(statement) := {"note": "expired", "values": {
	"suite": statement.body.suite.name,
	"until": statement.body.valid_until,
}}

_retention(statement) := object.get(input.statements[statement].body, "retentionUntil", "")

_other(digest) := {"note": "other", "values": {
	"signer": facts.signers(digest),
	"other": input.statements[digest].body.ticket.id,
}}
