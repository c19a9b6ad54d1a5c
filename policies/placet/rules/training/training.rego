# METADATA
# title: Training
# description: What somebody needs to train the same model again.
package placet.rules.training

import data.placet.lib.facts
import data.placet.lib.result
import data.placet.settings

# METADATA
# title: Random seeds are recorded
# description: |
#   A training statement of each model records the seeds that the settings name, at least as many as they ask for,
#   and every recorded seed is a whole number.
# custom:
#   code: train.seeds_complete
#   failure_msg: "the training of {label} does not record its random seeds"
#   messages:
#     required: "the training of {label} does not record the seeds that the settings name: {required}"
#   not_applicable: no model with a training statement
#   solution: "say which seeds the training uses:  placet record --step train --seed numpy=7 … -- COMMAND…"
#   severity: error
#   controls: [EU-AI-ACT-11.1, ISO-42001-A.6.2.3]
#   requirements: [R5]
#   collections: [build]
#   depends_on: [lineage.stages_known]
report contains result.report(rego.metadata.chain(), facts.trained, judged) if {
	required := {name | some name in settings.seeds.required}
	message := {true: "required", false: ""}[count(required) > 0]
	judged := {model: judgement |
		some model in facts.trained
		good := {statement |
			some statement in facts.of_type("training", model)
			_seeded(_recorded(statement, "seeds"), required)
		}
		judgement := result.exists(good, {"message": message, "values": {"required": concat(", ", sort(required))}})
	}
}

# METADATA
# title: Hyperparameters are recorded
# description: |
#   A training statement of each model records the parameters that the settings name, each of its type, and at least
#   as many as they ask for.
# custom:
#   code: train.params_present
#   failure_msg: "the training of {label} does not record its parameters"
#   messages:
#     required: "the training of {label} does not record the parameters that the settings name: {required}"
#   not_applicable: no model with a training statement
#   solution: "say which parameters the training uses:  placet record --step train --param C=1.0 … -- COMMAND…"
#   severity: error
#   controls: [EU-AI-ACT-11.1, ISO-42001-A.6.2.3]
#   requirements: [R4]
#   collections: [build]
#   depends_on: [lineage.stages_known]
report contains result.report(rego.metadata.chain(), facts.trained, judged) if {
	required := [sprintf("%s (%s)", [name, type]) | some name, type in settings.parameters.required]
	message := {true: "required", false: ""}[count(required) > 0]
	judged := {model: judgement |
		some model in facts.trained
		good := {statement |
			some statement in facts.of_type("training", model)
			_parametrised(_recorded(statement, "parameters"))
		}
		judgement := result.exists(good, {"message": message, "values": {"required": concat(", ", sort(required))}})
	}
}

_recorded(statement, what) := object.get(input.statements[statement].body, what, {})

default _seeded(_, _) := false

_seeded(seeds, required) if {
	count(seeds) >= settings.seeds.minimum
	count(required - object.keys(seeds)) == 0
	every seed in seeds {
		is_number(seed)
		floor(seed) == seed
	}
}

default _parametrised(_) := false

_parametrised(parameters) if {
	count(parameters) >= settings.parameters.minimum
	every name, type in settings.parameters.required {
		_is(parameters[name], type)
	}
}

_is(value, "number") if is_number(value)

_is(value, "integer") if {
	is_number(value)
	floor(value) == value
}

_is(value, "string") if is_string(value)

_is(value, "boolean") if is_boolean(value)
