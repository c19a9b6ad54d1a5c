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
#   A splits measurement names, by digest, the training split that each model was trained on, and a test split.
# custom:
#   code: data.splits_pinned
#   failure_msg: "no signed splits measurement for the training data of {label}"
#   not_applicable: no model with training data
#   solution: "a role \"{evaluator}\" measures and signs:  placet measure splits --train FILE --test FILE"
#   severity: error
#   controls: [EU-AI-ACT-10.3, ISO-42001-A.7.6]
#   requirements: [R26]
#   collections: [build]
#   depends_on: [train.provenance_complete]
report contains result.report(rego.metadata.chain(), measurements.fed, judged) if {
	judged := {model: judgement |
		some model in measurements.fed
		good := {digest | some digest in _splits(model); input.statements[digest].body.inputs.test}
		judgement := result.exists(good, {"notes": _refused(model)})
	}
}

# METADATA
# title: Nothing leaks from test to training
# description: |
#   A splits measurement of each model's training data counts no more overlap between the splits than the settings
#   allow: rows, and groups where a group key was given.
# custom:
#   code: data.no_leakage
#   failure_msg: "the splits of the training data of {label} overlap"
#   not_applicable: no splits measurement
#   solution: "split again so that no row and no group stands on both sides, then train, measure and evaluate again"
#   notes:
#     overlap: "{id} is {value}, allowed is {limit}"
#   severity: error
#   controls: [EU-AI-ACT-10.2.f, ISO-42001-A.7.4]
#   requirements: [R28]
#   collections: [build]
#   depends_on: [data.splits_pinned]
report contains result.report(rego.metadata.chain(), measurements.split, judged) if {
	judged := {model: judgement |
		some model in measurements.split
		good := {digest | some digest in _splits(model); measurements.clean(digest)}
		unclear := union({measurements.unclear(digest) | some digest in _splits(model)})
		notes := {note | some digest in _splits(model); some note in _overlaps(digest)}
		judgement := result.exists(good, {"notes": notes, "unclear": unclear})
	}
}

_splits(model) := object.get(measurements.splits, model, set())

_refused(model) := union({facts.refused("measurement", dataset) | some dataset in measurements.training_data[model]})

_overlaps(digest) := {note |
	some id, limit in settings.splits.maximum
	measurements.result(digest, id) > limit
	note := {"note": "overlap", "values": {"id": id, "value": measurements.result(digest, id), "limit": limit}}
}
