# METADATA
# title: Origin
# description: Where the data comes from, who answers for it, and on what terms it may be used.
package placet.rules.origin

import data.placet.lib.facts
import data.placet.lib.result
import data.placet.settings

# METADATA
# title: Every dataset has an owner's statement
# description: |
#   Each artifact that is a dataset, or was used as one, has an admitted dataset statement signed under a data
#   owner's role: name, version, origin, rights, owner.
# custom:
#   code: data.origin_known
#   failure_msg: "no signed dataset statement for {label}"
#   not_applicable: no dataset in the lineage
#   solution: "a role \"{data_owner}\" must sign one:  placet attest dataset {path}"
#   notes:
#     not_owner: "there is one by {signer}, but not under a role \"{data_owner}\""
#   severity: error
#   controls: [EU-AI-ACT-10.2.b, ISO-42001-A.7.5]
#   requirements: [R1]
#   collections: [base, data]
#   depends_on: []
report contains result.report(rego.metadata.chain(), facts.datasets, judged) if {
	judged := {dataset: judgement |
		some dataset in facts.datasets
		notes := _not_owner(dataset) | facts.refused("dataset", dataset)
		judgement := result.exists(facts.ownership(dataset), {"notes": notes})
	}
}

# METADATA
# title: Datasets are versioned
# description: |
#   An owner's statement names a version, and the version is no moving name such as `latest`. That dependencies are
#   digests and not only names is the rule `lineage.all_digested`.
# custom:
#   code: data.version_pinned
#   failure_msg: "the dataset statement for {label} names no fixed version"
#   not_applicable: no dataset with an owner's statement
#   solution: "a role \"{data_owner}\" signs one with a version that will not move:  placet attest dataset {path}"
#   notes:
#     moving: "it says \"{version}\", which may mean other bytes tomorrow"
#   severity: error
#   controls: [EU-AI-ACT-10.2.b, ISO-42001-A.7.5]
#   requirements: [R2]
#   collections: [data]
#   depends_on: [data.origin_known]
report contains result.report(rego.metadata.chain(), facts.owned, judged) if {
	judged := {dataset: judgement |
		some dataset in facts.owned
		good := {statement | some statement in facts.ownership(dataset); _pinned(_body(statement))}
		judgement := result.exists(good, {"notes": _moving(dataset)})
	}
}

# METADATA
# title: The data's licence is known and accepted
# description: |
#   An owner's statement names a licence that is on the settings' list of allowed licences, when there is such a
#   list, and not on the list of blocked ones.
# custom:
#   code: data.license_known
#   failure_msg: "no accepted licence is stated for {label}"
#   not_applicable: no dataset with an owner's statement
#   solution: >-
#     clear the terms of use, then a role "{data_owner}" states them
#     under rights.license:  placet attest dataset {path}
#   notes:
#     refused: "it says \"{license}\", which the settings do not accept"
#   severity: error
#   controls: [EU-AI-ACT-10.2.b, ISO-42001-A.7.3]
#   requirements: [R54]
#   collections: [data]
#   depends_on: [data.origin_known]
report contains result.report(rego.metadata.chain(), facts.owned, judged) if {
	judged := {dataset: judgement |
		some dataset in facts.owned
		good := {statement | some statement in facts.ownership(dataset); _licensed(_body(statement))}
		judgement := result.exists(good, {"notes": _unlicensed(dataset)})
	}
}

_body(statement) := input.statements[statement].body

_not_owner(dataset) := {note |
	some statement in facts.of_type("dataset", dataset)
	note := {"note": "not_owner", "values": {"signer": facts.signers(statement)}}
}

default _pinned(_) := false

_pinned(body) if {
	is_string(body.version)
	version := lower(trim_space(body.version))
	version != ""
	not version in settings.data.moving_versions
}

_moving(dataset) := {note |
	some statement in facts.ownership(dataset)
	note := {"note": "moving", "values": {"version": _body(statement).version}}
}

default _licensed(_) := false

_licensed(body) if {
	is_string(body.rights.license)
	license := lower(trim_space(body.rights.license))
	license != ""
	not license in {lower(blocked) | some blocked in settings.licenses.blocked}
	_allowed(license)
}

_allowed(license) if license in {lower(allowed) | some allowed in settings.licenses.allowed}

_allowed(_) if count(settings.licenses.allowed) == 0

_unlicensed(dataset) := {note |
	some statement in facts.ownership(dataset)
	note := {"note": "refused", "values": {"license": _body(statement).rights.license}}
}
