# METADATA
# title: Splits
# description: Whether the data was split before training, and whether anything stands on both sides of the split.
package placet.rules.splits

import data.placet.lib.facts
import data.placet.lib.measurements
import data.placet.lib.result
import data.placet.settings

# METADATA
# title: The data splits are pinned
# description: |
#   For every dataset that a model was trained on there is a splits measurement that names it, by digest, as the
#   training split, and a test split; each once, and valid now.
# custom:
#   code: data.splits_pinned
#   failure_msg: "no signed splits measurement for training data {label}"
#   not_applicable: no model with training data
#   solution: "a role \"{evaluator}\" measures and signs:  placet measure splits --train FILE --test FILE"
#   notes:
#     no_test: "there is one by {signer}, but it names no test split"
#     expired: "there is one by {signer}, but it was valid only until {until}"
#     repeated: "there is one by {signer}, but it names more than one {roles}"
#   severity: error
#   controls: [EU-AI-ACT-10.3, ISO-42001-A.7.6]
#   requirements: [R26]
#   collections: [build]
#   depends_on: [train.provenance_complete]
report contains result.report(rego.metadata.chain(), measurements.training_datasets, judged) if {
	judged := {dataset: judgement |
		some dataset in measurements.training_datasets
		judgement := result.exists(_splits(dataset), {"notes": _refused(dataset)})
	}
}

# METADATA
# title: Nothing leaks from test to training
# description: |
#   A splits measurement of every dataset that a model was trained on counts no more overlap between the splits than the
#   settings allow: rows, and groups where a group key was given.
# custom:
#   code: data.no_leakage
#   failure_msg: "the splits of training data {label} overlap"
#   not_applicable: no splits measurement
#   solution: "split again so that no row and no group stands on both sides, then train, measure and evaluate again"
#   notes:
#     overlap: "{id} is {value}, allowed is {limit}"
#   severity: error
#   controls: [EU-AI-ACT-10.2.f, ISO-42001-A.7.4]
#   requirements: [R28]
#   collections: [build]
#   depends_on: [data.splits_pinned]
report contains result.report(rego.metadata.chain(), measurements.split_datasets, judged) if {
	judged := {dataset: judgement |
		some dataset in measurements.split_datasets
		good := {digest | some digest in _splits(dataset); measurements.clean(digest)}
		unclear := union({measurements.unclear(digest) | some digest in _splits(dataset)})
		notes := {note | some digest in _splits(dataset); some note in _overlaps(digest)}
		judgement := result.exists(good, {"notes": notes, "unclear": unclear})
	}
}

_splits(dataset) := object.get(measurements.splits, dataset, set())

_refused(dataset) := facts.refused("measurement", dataset) | {note |
	some digest in measurements.splits_of(dataset)
	some problem, found in {
		"no_test": {1 | not input.statements[digest].body.inputs.test},
		"expired": {1 | measurements.expired(digest)},
		"repeated": measurements.repeated(digest),
	}
	count(found) > 0
	note := {"note": problem, "values": {
		"signer": facts.signers(digest),
		"until": object.get(input.statements[digest].body, "valid_until", "always"),
		"roles": concat(", ", sort(measurements.repeated(digest))),
	}}
}

_overlaps(digest) := {note |
	some id, limit in settings.splits.maximum
	measurements.result(digest, id) > limit
	note := {"note": "overlap", "values": {"id": id, "value": measurements.result(digest, id), "limit": limit}}
}
