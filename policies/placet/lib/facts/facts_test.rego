# METADATA
# title: Tests of facts
# description: What things are called, and what may be pasted into a shell.
package placet.lib.facts_test

import data.placet.lib.facts
import data.placet.testing as t

_input(name) := t.facts(t.set_body(t.model, "training", ["dependencies", t.digest("train.csv"), "name"], name))

test_names if {
	facts.name(t.digest("model")) == "churn-model" with input as t.facts(t.model)
	facts.name(t.digest("train.csv")) == "data/train.csv" with input as t.facts(t.model)
	facts.name(t.digest("stranger")) == "" with input as t.facts(t.model)
}

test_labels if {
	facts.label(t.digest("train.csv")) == concat("", ["data/", t.label("train.csv")]) with input as t.facts(t.model)
	facts.label(t.digest("stranger")) == t.short("stranger") with input as t.facts(t.model)
}

test_paths_are_plain if {
	facts.path(t.digest("train.csv")) == "data/train.csv" with input as t.facts(t.model)
	facts.path(t.digest("model")) == t.digest("model") with input as t.facts(t.model)
	every name in {"-rf", "a b", "$(rm)", "a;b", "a'b", "", "a\nb"} {
		facts.path(t.digest("train.csv")) == t.digest("train.csv") with input as _input(name)
	}
}

test_accepted_base_models_are_not_judged_as_models if {
	world := t.set_body(t.model, "training", ["dependencies", t.digest("base")], {"name": "base", "role": "base-model"})
	t.digest("base") in facts.models with input as t.facts(world)
	not t.digest("base") in facts.models with input as t.facts(world)
		with data.placet.settings.lineage.base_models as [t.digest("base")]
}
