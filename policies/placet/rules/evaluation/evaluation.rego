# METADATA
# title: Evaluation
# description: |
#   Whether the models are good enough, as somebody else than the trainer measured it, on data they have not seen.
package placet.rules.evaluation

import data.placet.lib.facts
import data.placet.lib.measurements
import data.placet.lib.result
import data.placet.settings

# METADATA
# title: The model meets its thresholds
# description: |
#   The newest evaluation of each suite reports every metric for which the settings give a threshold, and the value
#   meets it. Values are compared here; what a statement says about its own success is not read. A suite that the
#   settings name must have been run; thresholds under `*` hold for every other suite.
# custom:
#   code: quality.evaluation_threshold
#   failure_msg: "the evaluation of {label} does not meet its thresholds"
#   messages:
#     missing: "no signed evaluation of {label}"
#     suites: "no signed evaluation of {label} with suite {suites}"
#   not_applicable: no model in the lineage
#   solution: >-
#     a role "{evaluator}" measures and signs:  placet measure evaluation --model {path}
#     --labels FILE --predictions FILE
#   notes:
#     below: "suite {suite}: {metric} is {value}, wanted is at least {limit}"
#     above: "suite {suite}: {metric} is {value}, wanted is at most {limit}"
#     absent: "suite {suite} does not report {metric}"
#     unlike: "suite {suite}: what it reports as {metric} is another metric, of a slice, or of no rows"
#     other: "there is one by {signer}, but it does not name this as the one model that it measured"
#     repeated: "there is one by {signer}, but it names more than one {roles}"
#     not_evaluator: "there is one by {signer}, but not under a role \"{evaluator}\""
#   severity: error
#   controls: [EU-AI-ACT-15.1, ISO-42001-A.6.2.4, NIST-AI-RMF-MEASURE-2.3]
#   requirements: [R37]
#   collections: [quality]
#   depends_on: []
#   supersedes: true
report contains result.report(rego.metadata.chain(), facts.models, judged) if {
	judged := {model: judgement |
		some model in facts.models
		judgement := _judgement(model)
	}
}

# METADATA
# title: Somebody else than the trainer evaluated the model
# description: The newest evaluations are signed by a principal who signed no training statement of the model.
# custom:
#   code: quality.evaluator_independent
#   failure_msg: "who trained {label} also evaluated it"
#   not_applicable: no evaluation
#   solution: >-
#     a role "{evaluator}" of another principal measures and signs:  placet measure evaluation --model {path}
#     --labels FILE --predictions FILE
#   notes:
#     same: "the evaluation by {signer} has the principal that signed the training"
#   severity: error
#   controls: [NIST-800-53-AC-5, NIST-AI-RMF-MEASURE-1.3]
#   requirements: [R72]
#   collections: [quality]
#   depends_on: [quality.evaluation_threshold]
#   supersedes: true
report contains result.report(rego.metadata.chain(), measurements.evaluated, judged) if {
	judged := {model: judgement |
		some model in measurements.evaluated
		newest := measurements.newest[model]
		dependent := {digest | some digest in newest; not _independent(digest, model)}
		notes := {{"note": "same", "values": {"signer": facts.signers(digest)}} | some digest in dependent}
		judgement := result.holds(count(dependent) == 0, {"evidence": newest, "notes": notes})
	}
}

# METADATA
# title: The model was evaluated on the held-out split
# description: |
#   The newest evaluations used, as role test, one digest, which clean splits measurements name as the test split of
#   every dataset that the model was trained on, and which is none of them.
# custom:
#   code: quality.evaluated_on_pinned_split
#   failure_msg: "{label} was not evaluated on the test split of its training data"
#   not_applicable: no evaluation
#   solution: "measure the splits, then evaluate on the test split:  placet measure splits --train FILE --test FILE"
#   notes:
#     unpinned: "it was evaluated on {test}, which is not, by clean splits measurements, the test split of all training data"
#     trained_on: "it was evaluated on {test}, on which it was trained"
#     several: "the evaluation names more than one test split"
#     unnamed: "the evaluation does not say on which data"
#   severity: error
#   controls: [EU-AI-ACT-15.1, ISO-42001-A.6.2.4]
#   requirements: [R26, R28]
#   collections: [quality]
#   depends_on: [quality.evaluation_threshold]
#   supersedes: true
report contains result.report(rego.metadata.chain(), measurements.evaluated, judged) if {
	judged := {model: judgement |
		some model in measurements.evaluated
		newest := measurements.newest[model]
		notes := {note | some digest in newest; some note in _split_problems(digest, model)}
		judgement := result.holds(count(notes) == 0, {"evidence": newest, "notes": notes})
	}
}

_judgement(model) := result.exists(set(), {"message": "missing", "notes": _refused(model)}) if {
	not model in measurements.evaluated
} else := result.exists(set(), {"message": "suites", "values": {"suites": concat(", ", sort(missing))}}) if {
	missing := (object.keys(settings.evaluation.thresholds) - {"*"}) - object.keys(measurements.evaluations[model])
	count(missing) > 0
} else := result.holds(count(short) == 0, {"notes": notes, "unclear": unclear, "evidence": newest}) if {
	newest := measurements.newest[model]
	short := {digest | some digest in newest; not _meets(digest)}
	notes := {note | some digest in short; some note in _shortfalls(digest)}
	unclear := {digest | some digest in short; count(notes) == 0}
}

_refused(model) := facts.refused("measurement", model) | {note |
	some digest in facts.of_type("measurement", model)
	input.statements[digest].body.kind == "evaluation"
	some problem, found in {
		"not_evaluator": {1 | not facts.signed_as(digest, settings.roles.evaluator)},
		"other": {1 | not input.statements[digest].body.inputs.model == model},
		"repeated": measurements.repeated(digest),
	}
	count(found) > 0
	note := {"note": problem, "values": {
		"signer": facts.signers(digest),
		"roles": concat(", ", sort(measurements.repeated(digest))),
	}}
}

_thresholds(digest) := object.get(settings.evaluation.thresholds, suite, others) if {
	suite := input.statements[digest].body.suite.name
	others := object.get(settings.evaluation.thresholds, "*", {})
}

# What decides: every metric with a threshold is a number inside its limits.
default _meets(_) := false

_meets(digest) if {
	every metric, limits in _thresholds(digest) {
		value := measurements.result(digest, metric)
		is_number(value)
		value >= object.get(limits, "min", value)
		value <= object.get(limits, "max", value)
	}
}

# What explains. A value that is no number explains nothing: the evaluation could not be evaluated.
_shortfalls(digest) := union({_notes(digest, metric, limits) | some metric, limits in _thresholds(digest)})

_notes(digest, metric, limits) := union({
	{_note("absent", digest, metric, "") | not measurements.reported(digest, metric)},
	{_note("unlike", digest, metric, "") | measurements.reported(digest, metric); not measurements.counting(digest, metric)},
	{_note("below", digest, metric, limits.min) | _number(digest, metric) < limits.min},
	{_note("above", digest, metric, limits.max) | _number(digest, metric) > limits.max},
})

_number(digest, metric) := value if {
	value := measurements.result(digest, metric)
	is_number(value)
}

_note(key, digest, metric, limit) := {"note": key, "values": {
	"suite": input.statements[digest].body.suite.name,
	"metric": metric,
	"value": value,
	"limit": limit,
}} if {
	values := [value | value := measurements.result(digest, metric)]
	value := array.concat(values, ["absent"])[0]
}

# Nobody who signed as the model's producer also signed the evaluation as its evaluator.
default _independent(_, _) := false

_independent(digest, model) if {
	trainings := facts.of_type("training", model)
	trainers := union({facts.principals(statement, settings.roles.producer) | some statement in trainings})
	count(facts.principals(digest, settings.roles.evaluator) & trainers) == 0
}

_split_problems(digest, model) := {{"note": "unnamed"}} if {
	not input.statements[digest].body.inputs.test
} else := {{"note": "several"}} if {
	"test" in measurements.repeated(digest)
} else := {note |
	test := input.statements[digest].body.inputs.test
	some problem in _test_problems(test, model)
	note := {"note": problem, "values": {"test": facts.label(test)}}
}

_test_problems(test, model) := {problem |
	some problem, found in {"trained_on": test in _trained_on(model), "unpinned": not_held_out}
	found
} if {
	not_held_out := count({test} & object.get(measurements.held_out, model, set())) == 0
}

_trained_on(model) := object.get(measurements.training_data, model, set())
