# METADATA
# title: Provenance
# description: How the models were made, by whom, in which environment, and for how long.
package placet.rules.provenance

import data.placet.lib.facts
import data.placet.lib.result
import data.placet.lib.time as moments
import data.placet.settings

# METADATA
# title: The training record is complete
# description: |
#   A training statement of each model names the command, the code, at least one dataset, the builder, and when the
#   training began and ended.
# custom:
#   code: train.provenance_complete
#   failure_msg: "the training record of {label} is not complete"
#   not_applicable: no model with a training statement
#   solution: >-
#     record the training with its code and its data:
#     placet record --step train --input DATA --code FILE --output FILE -- COMMAND…
#   notes:
#     entry_point: "it does not say which command ran"
#     code: "it names no code"
#     dataset: "it names no dataset"
#     builder: "it does not say where it ran"
#     started: "it does not say when it began"
#     finished: "it does not say when it ended"
#   severity: error
#   controls: [EU-AI-ACT-11.1, NIST-800-53-SR-4, ISO-42001-A.6.2.3]
#   requirements: [R25, R13]
#   collections: [build]
#   depends_on: [lineage.stages_known]
report contains result.report(rego.metadata.chain(), facts.trained, judged) if {
	judged := {model: judgement |
		some model in facts.trained
		trainings := facts.of_type("training", model)
		good := {statement | some statement in trainings; count(_missing(statement)) == 0}
		notes := {{"note": part} | some statement in trainings; some part in _missing(statement)}
		judgement := result.exists(good, {"notes": notes})
	}
}

# METADATA
# title: Every step was run by a trusted builder
# description: |
#   For each model, image and dataset that a recorded step made, at least one such record is signed under a builder's
#   or a trainer's role.
# custom:
#   code: lineage.trusted_builder
#   failure_msg: "no builder that we trust says how {label} was made"
#   not_applicable: no step is recorded
#   solution: "a role \"{producer}\" runs and signs the step:  placet record --step STEP --output FILE -- COMMAND…"
#   notes:
#     signer: "there is a record by {signer}, but not under a role \"{producer}\""
#   severity: error
#   controls: [NIST-800-53-SR-4, SLSA-BUILD-L2]
#   requirements: [R13]
#   collections: [build]
#   depends_on: []
report contains result.report(rego.metadata.chain(), targets, judged) if {
	made := (facts.models | facts.image) | facts.datasets
	targets := {digest | some digest in made; count(facts.producing(digest)) > 0}
	judged := {digest: judgement |
		some digest in targets
		records := facts.producing(digest)
		good := {statement | some statement in records; facts.signed_as(statement, settings.roles.producer)}
		notes := {{"note": "signer", "values": {"signer": facts.signers(statement)}} | some statement in records}
		judgement := result.exists(good, {"notes": notes})
	}
}

# METADATA
# title: The environment is locked
# description: |
#   A training statement of each model names a lock file by digest, so that the same packages can be installed again.
# custom:
#   code: env.locked
#   failure_msg: "the training of {label} names no lock file"
#   not_applicable: no model with a training statement
#   solution: >-
#     pin the packages with hashes and record the file:  placet record --step train
#     --lock LOCKFILE … -- COMMAND…
#   severity: error
#   controls: [NIST-SSDF-PW.4.1, NIST-800-53-CM-2]
#   requirements: [R10, R6]
#   collections: [build]
#   depends_on: [lineage.stages_known]
report contains result.report(rego.metadata.chain(), facts.trained, judged) if {
	judged := {model: judgement |
		some model in facts.trained
		good := {statement | some statement in facts.of_type("training", model); _uses(statement, "lock")}
		judgement := result.exists(good, {})
	}
}

# METADATA
# title: The training's times make sense
# description: |
#   The training ended after it began, within the longest time that the settings allow, and not after its statement
#   arrived here.
# custom:
#   code: train.duration_sane
#   failure_msg: "the recorded times of the training of {label} cannot be right"
#   not_applicable: no model with a training statement
#   solution: "set the builder's clock, and train again:  placet record --step train … -- COMMAND…"
#   notes:
#     times: "it says from {started} to {finished}, and arrived {since}; the settings allow {hours} hours"
#   severity: error
#   controls: [EU-AI-ACT-12.1]
#   requirements: [R7]
#   collections: [build]
#   depends_on: [train.provenance_complete]
report contains result.report(rego.metadata.chain(), facts.trained, judged) if {
	judged := {model: judgement |
		some model in facts.trained
		trainings := facts.of_type("training", model)
		good := {statement | some statement in trainings; _sane(input.statements[statement])}
		notes := {note | some statement in trainings; note := _times(input.statements[statement])}
		judgement := result.exists(good, {"notes": notes})
	}
}

_body(statement) := input.statements[statement].body

_missing(statement) := {part |
	some part in {"entry_point", "builder", "started", "finished"}
	not _stated(_body(statement), part)
} | {role |
	some role in {"code", "dataset"}
	not _uses(statement, role)
}

_stated(body, part) if {
	is_string(body[part])
	trim_space(body[part]) != ""
}

_uses(statement, role) if {
	some dependency in _body(statement).dependencies
	dependency.role == role
}

default _sane(_) := false

_sane(statement) if {
	length := moments.seconds(statement.body.started, statement.body.finished)
	length > 0
	length <= settings.training.maximum_hours * 3600
	moments.seconds(statement.since, statement.body.finished) <= settings.training.clock_skew_seconds
}

_times(statement) := {"note": "times", "values": {
	"started": object.get(statement.body, "started", "no time"),
	"finished": object.get(statement.body, "finished", "no time"),
	"since": statement.since,
	"hours": settings.training.maximum_hours,
}}
