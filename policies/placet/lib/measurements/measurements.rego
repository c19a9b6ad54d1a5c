# METADATA
# title: Measurements
# description: |
#   Evaluations of models and checks of data splits. Only the newest evaluation of each suite counts, by the proved
#   time of its arrival; a split is bound to the datasets that a training used, by digest.
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
	body.inputs.model == model
	count(repeated(digest) - {"test"}) == 0 # two tests are an evaluation, of which it is said that they are two
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
# title: Training datasets
# description: Datasets that any model was trained on. That there are any is the rule `train.provenance_complete`.
training_datasets := union({datasets | some _, datasets in training_data})

# METADATA
# title: Splits
# description: |
#   Admitted splits measurements that hold now and name the dataset as the training split, and a test split, each once.
splits[dataset] contains digest if {
	some dataset in training_datasets
	some digest in splits_of(dataset)
	input.statements[digest].body.inputs.test
	not expired(digest)
	count(repeated(digest)) == 0
}

# METADATA
# title: Splits of a dataset
# description: Admitted splits measurements that name the dataset as the training split, whether or not they count.
splits_of(dataset) := {digest |
	some digest in facts.of_type("measurement", dataset)
	body := input.statements[digest].body
	body.kind == "splits"
	body.inputs.train == dataset
}

# METADATA
# title: Split datasets
# description: Training datasets with a splits measurement. That there is one is the rule `data.splits_pinned`.
split_datasets := {dataset | some dataset, _ in splits}

# METADATA
# title: Held-out data
# description: |
#   What clean splits measurements name as the test split of every dataset that the model was trained on: what is held
#   out of one of them only may stand in another.
held_out[model] := intersection({_tests(dataset) | some dataset in datasets}) - datasets if {
	some model, datasets in training_data
}

_tests(dataset) := {input.statements[digest].body.inputs.test |
	some digest in object.get(splits, dataset, set())
	clean(digest)
}

# METADATA
# title: Expired
# description: True when a measurement says until when it is valid, and that has come or is no moment.
default expired(_) := false

expired(digest) if not moments.ahead(object.get(input.statements[digest].body, "valid_until", ""))

# METADATA
# title: Repeated roles
# description: Roles that more than one input of a measurement has. The facts call the second of a role `role#2`.
repeated(digest) := {split(role, "#")[0] |
	some role, _ in input.statements[digest].body.inputs
	contains(role, "#")
}

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
# description: |
#   The measurement itself, in a set, when it does not say how many rows overlap, or when what it says of something with
#   a limit does not count; else the empty set.
unclear(digest) := {digest |
	some id in ({"overlap.rows"} | {id |
		some id, _ in settings.splits.maximum
		input.statements[digest].body.results[id]
	})
	not _counted(digest, id)
}

default _counted(_, _) := false

_counted(digest, id) if is_number(result(digest, id))

# METADATA
# title: Result
# description: |
#   The number that a measurement gives for an id: of that metric, of all rows and not of a slice, and of some rows.
result(digest, id) := counting(digest, id).value

# METADATA
# title: Counting result
# description: The result that counts for an id, as it stands; undefined when there is none.
counting(digest, id) := found if {
	found := reported(digest, id)
	found.metric in _metrics(input.statements[digest].body.kind, id)
	not found.slice
	object.get(found, "sample_size", 1) > 0
}

# METADATA
# title: Reported result
# description: |
#   What a measurement reports under an id, whether or not it counts. A mean over classes stands under the plain id with
#   `_macro` in its metric, and is asked for by that metric.
reported(digest, id) := input.statements[digest].body.results[id]

reported(digest, id) := input.statements[digest].body.results[trim_suffix(id, "_macro")] if {
	not input.statements[digest].body.results[id]
}

# An evaluation calls a number by its metric. Splits measurements call it by metric and split: overlap.rows, in rows.
_metrics(kind, id) := {id} if kind != "splits"

_metrics("splits", id) := {id} | {part | some part in split(id, ".")}
