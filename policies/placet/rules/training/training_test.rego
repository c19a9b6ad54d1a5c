# METADATA
# title: Tests of training
# description: Cases by code, expected status and label; `test_cases` judges each.
package placet.rules.training_test

import data.placet.testing as t

_seeds(seeds) := t.set_body(t.model, "training", ["seeds"], seeds)

_parameters(parameters) := t.set_body(t.model, "training", ["parameters"], parameters)

_wanted := [t.set_setting(["parameters", "required"], {
	"C": "number",
	"max_iter": "integer",
	"solver": "string",
	"shuffle": "boolean",
})]

_whole := {"C": 1, "max_iter": 500, "solver": "lbfgs", "shuffle": false}

_with(name, value) := t.case_with(_parameters(object.union(_whole, {name: value})), _wanted)

cases["train.seeds_complete"] := {
	"pass": {
		"one seed": t.case(t.model),
		"those that are wanted": t.case_with(
			_seeds({"numpy": 7, "python": 7}),
			[t.set_setting(["seeds", "required"], ["numpy", "python"])],
		),
		"none, where none is wanted": t.case_with(_seeds({}), [t.set_setting(["seeds", "minimum"], 0)]),
	},
	"fail": {
		"none": t.case(_seeds({})),
		"none recorded": t.case(t.drop_body(t.model, "training", ["seeds"])),
		"a seed that is no number": t.case(_seeds({"numpy": "7"})),
		"a seed that is no whole number": t.case(_seeds({"numpy": 7.5})),
		"not the ones that are wanted": t.case_with(t.model, [t.set_setting(["seeds", "required"], ["torch"])]),
	},
	"not_applicable": {"a dataset": t.case(t.data_at_register)},
}

cases["train.params_present"] := {
	"pass": {
		"some": t.case(t.model),
		"those that are wanted": t.case_with(t.model, _wanted),
		"none, where none is wanted": t.case_with(_parameters({}), [t.set_setting(["parameters", "minimum"], 0)]),
	},
	"fail": {
		"none": t.case(_parameters({})),
		"none recorded": t.case(t.drop_body(t.model, "training", ["parameters"])),
		"no number": _with("C", "1"),
		"no whole number": _with("max_iter", 0.5),
		"nothing like a number": _with("max_iter", "500"),
		"no text": _with("solver", 1),
		"neither true nor false": _with("shuffle", "yes"),
		"one that is wanted is missing": t.case_with(_parameters(object.remove(_whole, ["solver"])), _wanted),
	},
	"not_applicable": {"a dataset": t.case(t.data_at_register)},
}

test_cases if t.surprises(cases) == set()

test_wanted_names_are_shown if {
	seeds := t.check(
		t.case_with(t.model, [t.set_setting(["seeds", "required"], ["torch", "jax"])]),
		"train.seeds_complete",
	)
	seeds.message == sprintf(
		"the training of churn-model %s does not record the seeds that the settings name: jax, torch",
		[t.short("model")],
	)
	parameters := t.check(
		t.case_with(t.model, [t.set_setting(["parameters", "required"], {"depth": "integer"})]),
		"train.params_present",
	)
	parameters.message == sprintf(
		"the training of churn-model %s does not record the parameters that the settings name: depth (integer)",
		[t.short("model")],
	)
}

test_without_wanted_names_the_message_is_short if {
	found := t.check(t.case(_seeds({})), "train.seeds_complete")
	found.message == sprintf("the training of churn-model %s does not record its random seeds", [t.short("model")])
}
