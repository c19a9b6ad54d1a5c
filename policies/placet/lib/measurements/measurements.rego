# METADATA
# title: Measurements
# description: |
#   Evaluations of models and checks of data splits. Only the newest evaluation of each suite counts, by the proved
#   time of its arrival; a split is bound to a model by the digests that its training used.
package placet.lib.measurements

import data.placet.lib.facts
import data.placet.lib.time as moments
import data.placet.settings

# METADATA
# title: Evaluations
# description: Admitted evaluations of each model under an evaluator's role, by suite.
evaluations[model][suite] contains digest if {
	some model in facts.models
	some digest in facts.of_type("measurement", model)
	body := input.statements[digest].body
	body.kind == "evaluation"
	object.get(body.inputs, "model", model) == model
	facts.signed_as(digest, settings.roles.evaluator)
	suite := body.suite.name
}

# METADATA
# title: Newest evaluations
# description: |
#   Those with the latest arrival in each suite; several when they arrived together, and then every one counts.
newest[model] contains digest if {
	some model, suites in evaluations
	some digests in suites
	latest := max({_arrival(digest) | some digest in digests})
	some digest in digests
	_arrival(digest) == latest
}

_arrival(digest) := moments.ns(input.statements[digest].since)

# METADATA
# title: Evaluated models
# description: Models with an evaluation. That there is one is the rule `quality.evaluation_threshold`.
evaluated := {model | some model, _ in evaluations}

# METADATA
# title: Training data
# description: Digests that the admitted training statements of each model used as datasets.
training_data[model] contains digest if {
	some model in facts.trained
	some statement in facts.of_type("training", model)
	some digest, dependency in input.statements[statement].body.dependencies
	dependency.role == "dataset"
}

# METADATA
# title: Trained on data
# description: Models whose training used a dataset. That it did is the rule `train.provenance_complete`.
fed := {model | some model, _ in training_data}

# METADATA
# title: Splits
# description: Admitted splits measurements whose training split was used to train the model.
splits[model] contains digest if {
	some model, datasets in training_data
	some dataset in datasets
	some digest in facts.of_type("measurement", dataset)
	body := input.statements[digest].body
	body.kind == "splits"
	body.inputs.train == dataset
}

# METADATA
# title: Split models
# description: Models with a splits measurement. That there is one is the rule `data.splits_pinned`.
split := {model | some model, _ in splits}

# METADATA
# title: Clean
# description: True when a splits measurement counts every row, and no more overlap than the settings allow.
default clean(_) := false

clean(digest) if {
	count(unclear(digest)) == 0
	count({id | some id, limit in settings.splits.maximum; result(digest, id) > limit}) == 0
}

# METADATA
# title: Unclear
# description: The measurement itself, in a set, when it does not say how many rows overlap; else the empty set.
unclear(digest) := {digest | not _counted(digest)}

default _counted(_) := false

_counted(digest) if is_number(result(digest, "overlap.rows"))

# METADATA
# title: Result
# description: The number that a measurement gives for an id.
result(digest, id) := input.statements[digest].body.results[id].value
