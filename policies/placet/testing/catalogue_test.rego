# METADATA
# title: Tests of the catalogue
# description: |
#   Each topic's tests keep a table `cases`: code, expected status, label, case, and judge it. Here every rule of the
#   index must have a case that passes and one that fails, so that a rule which always passes, or never does, is found.
package placet.testing.catalogue_test

import data.placet.index
import data.placet.settings

# How many cases of each status every code has; `tests/policies` reads it too.
counts[code] := {status: count(labelled) | some status, labelled in statuses} if {
	some topic in {rule.topic | some rule in index.rules}
	some code, statuses in data.placet.rules[concat("_", [topic, "test"])].cases
}

untested contains code if {
	some code, _ in index.rules
	not startswith(code, "policy.")
	some status in {"pass", "fail"}
	object.get(counts, [code, status], 0) == 0
}

unknown contains code if {
	some code, _ in counts
	not index.rules[code]
}

_expected(gate) := {code |
	some code, rule in index.rules
	some collection in rule.collections
	collection in gate.collections
}

dangling contains [name, code, dependency] if {
	some name, gate in settings.gates
	some code in _expected(gate)
	some dependency in index.rules[code].depends_on
	not dependency in _expected(gate)
}

test_every_rule_has_a_case_that_passes_and_one_that_fails if untested == set()

test_every_case_is_of_a_rule if unknown == set()

test_a_rule_that_nobody_tests_is_found if {
	untested == {"x.y"} with index.rules as {"x.y": {"topic": "x", "collections": ["base"], "depends_on": []}}
}

test_a_case_of_no_rule_is_found if {
	"train.seeds_complete" in unknown with index.rules as {"train.params_present": index.rules["train.params_present"]}
}

# What a rule leaves to another has to be asked wherever the rule is.
test_dependencies_are_asked_at_the_same_gates if dangling == set()

test_a_dependency_that_is_not_asked_is_found if {
	dangling == {["register", "x.y", "x.z"]} with settings.gates as {"register": {"collections": ["a"]}}
		with index.rules as {
			"x.y": {"topic": "x", "collections": ["a", "b"], "depends_on": ["x.z"]},
			"x.z": {"topic": "x", "collections": ["b"], "depends_on": []},
		}
}
