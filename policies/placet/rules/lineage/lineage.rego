# METADATA
# title: Lineage
# description: What the subject is, and whether everything it was made from is accounted for.
package placet.rules.lineage

import data.placet.lib.facts
import data.placet.lib.result
import data.placet.settings

# METADATA
# title: Somebody vouches for what the subject is
# description: |
#   At least one admitted statement says of which kind the subject is: the training statement of a model, the package
#   statement of an image, the dataset statement of a dataset.
# custom:
#   code: lineage.subject_known
#   failure_msg: "nobody who may do so says what {label} is"
#   solution: >-
#     record the step that makes it:  placet record --step STEP --output FILE -- COMMAND…
#     (a dataset:  placet attest dataset {path})
#   severity: error
#   controls: [NIST-800-53-SR-4, ISO-42001-A.6.2.3]
#   requirements: [R3]
#   collections: [base]
#   depends_on: []
report contains result.report(rego.metadata.chain(), {input.subject}, judged) if {
	known := count(facts.known_subject) > 0
	vouching := facts.producing(input.subject) | facts.of_type("dataset", input.subject)
	judged := {input.subject: result.holds(known, {"evidence": vouching, "notes": _refused(input.subject)})}
}

# METADATA
# title: The gate takes artifacts of this kind
# description: The subject's kind is one that the settings name for the gate.
# custom:
#   code: lineage.kind_allowed
#   failure_msg: "{label} is of kind {kinds}, and gate {gate} takes only {allowed}"
#   not_applicable: nobody says of which kind the subject is
#   solution: "ask another gate, or name the kind in the settings of gate {gate}"
#   severity: error
#   controls: [NIST-800-53-CM-3]
#   requirements: [R38]
#   collections: [base]
#   depends_on: [lineage.subject_known]
report contains result.report(rego.metadata.chain(), facts.known_subject, judged) if {
	kinds := {kind | some kind in input.artifacts[input.subject].kinds}
	allowed := {kind | some kind in facts.gate.kinds}
	within := count(kinds - allowed) == 0
	judged := {input.subject: result.holds(within, {"values": {
		"kinds": concat(" and ", sort(kinds)),
		"allowed": concat(", ", sort(allowed)),
	}})}
}

# METADATA
# title: No artifact is two things at once
# description: |
#   All admitted claims about an artifact name the same kind. Two kinds for one digest are an error of identity: the
#   one rule that looks for bad evidence, because no good evidence could settle it.
# custom:
#   code: lineage.kind_conflict
#   failure_msg: "{label} is called {kinds} by different statements"
#   not_applicable: nobody says of which kind anything is
#   solution: >-
#     find out which statement is wrong, and revoke its signer
#     or the artifact in trust.yaml:  placet show {target}
#   severity: error
#   controls: [NIST-800-53-SI-7]
#   requirements: [R36]
#   collections: [base]
#   depends_on: []
report contains result.report(rego.metadata.chain(), targets, judged) if {
	targets := {digest | some digest, artifact in input.artifacts; count(artifact.kinds) > 0}
	judged := {digest: judgement |
		some digest in targets
		kinds := input.artifacts[digest].kinds
		judgement := result.holds(count(kinds) == 1, {"values": {"kinds": concat(" and ", sort(kinds))}})
	}
}

# METADATA
# title: The lineage is closed
# description: |
#   Walked back from the subject, every path ends at an accepted root: code, a lock file, an environment, an accepted
#   base model, or a dataset that its owner calls raw. A dataset that was derived from others says from which. There
#   is no cycle, and the walk was not cut short.
# custom:
#   code: lineage.closed
#   failure_msg: "nothing says how {label} was made, and it is no accepted root"
#   messages:
#     cycle: "the lineage of {label} runs in a circle: {cycle}"
#     truncated: "the lineage of {label} is larger than the limits allow to follow"
#   not_applicable: nobody says what the subject is
#   solution: >-
#     record the step that made it:  placet record --step STEP --output FILE -- COMMAND…
#     (data from outside: its owner states kind raw)
#   notes:
#     derived: "its dataset statement says kind \"{kind}\", which must come from somewhere"
#   severity: error
#   controls: [EU-AI-ACT-10.2.b, EU-AI-ACT-11.1, NIST-800-53-SR-4]
#   requirements: [R3]
#   collections: [base]
#   depends_on: [lineage.subject_known, data.origin_known]
report contains result.report(rego.metadata.chain(), targets, judged) if {
	targets := _roots | facts.known_subject
	judged := {digest: judgement |
		some digest in targets
		judgement := _closed(digest)
	}
}

# METADATA
# title: The required stages were recorded
# description: A model has an admitted training statement; an image has a package statement and a model in its lineage.
# custom:
#   code: lineage.stages_known
#   failure_msg: "no training statement for {label}"
#   messages:
#     package: "no package statement for image {label}"
#     modelless: "image {label} has no model in its lineage"
#   not_applicable: no model and no image in the lineage
#   solution: "a role \"{producer}\" runs and signs the step:  placet record --step STEP --output FILE -- COMMAND…"
#   severity: error
#   controls: [EU-AI-ACT-11.1, ISO-42001-A.6.2.3]
#   requirements: [R31, R13]
#   collections: [build]
#   depends_on: [lineage.subject_known]
report contains result.report(rego.metadata.chain(), facts.models | facts.image, judged) if {
	models := {digest: judgement |
		some digest in facts.models
		judgement := result.exists(facts.of_type("training", digest), {"notes": _refused(digest)})
	}
	images := {digest: judgement |
		some digest in facts.image
		judgement := _packaged(digest)
	}
	judged := object.union(models, images)
}

# METADATA
# title: Every dependency is a digest
# description: |
#   Each step that made something names all it used by digest; a name or a branch alone may mean other bytes tomorrow.
# custom:
#   code: lineage.all_digested
#   failure_msg: "{label} was made from something named without a digest: {names}"
#   not_applicable: no step is recorded
#   solution: >-
#     give the step its inputs as files, so that they are hashed,
#     and run it again:  placet record --step STEP --input FILE -- COMMAND…
#   severity: error
#   controls: [NIST-800-53-SR-4, NIST-SSDF-PS.3.2]
#   requirements: [R36, R2]
#   collections: [base]
#   depends_on: []
report contains result.report(rego.metadata.chain(), targets, judged) if {
	made := {digest | some digest, _ in input.artifacts; count(facts.producing(digest)) > 0}
	targets := made | object.keys(_unpinned)
	judged := {digest: judgement |
		some digest in targets
		names := object.get(_unpinned, digest, set())
		good := {statement | some statement in facts.producing(digest); _digested(statement)}
		judgement := result.exists(good, {"values": {"names": concat(", ", sort(names))}})
	}
}

# METADATA
# title: Nothing in the lineage is revoked
# description: No artifact of the lineage is revoked in trust.yaml, which is the only place where revocation is said.
# custom:
#   code: lineage.not_revoked
#   failure_msg: "{label} is revoked since {since}: {reason}"
#   solution: "make the subject again without it; if the revocation is wrong, correct trust.yaml"
#   severity: error
#   controls: [NIST-800-53-SI-7, EU-AI-ACT-20.1]
#   requirements: [R75]
#   collections: [base]
#   depends_on: []
report contains result.report(rego.metadata.chain(), targets, judged) if {
	targets := {digest | some digest, _ in input.artifacts}
	judged := {digest: judgement |
		some digest, artifact in input.artifacts
		revoked := object.get(artifact, "revoked", {})
		judgement := result.holds(count(revoked) == 0, {"values": {
			"since": object.get(revoked, "since", "always"),
			"reason": object.get(revoked, "reason", "no reason given"),
		}})
	}
}

_refused(digest) := union({facts.refused(short_type, digest) |
	some short_type in ["training", "package", "preprocess", "ingest", "provenance", "dataset"]
})

# Where the walk ends: without the subject (which `lineage.subject_known` judges when nobody knows it), and without
# datasets that have no owner's statement (which `data.origin_known` judges).
_roots := {digest |
	some digest, artifact in input.artifacts
	count(artifact.parents) == 0
	digest != input.subject
	not digest in (facts.datasets - facts.owned)
}

_closed(digest) := result.holds(false, {"message": "cycle", "values": {"cycle": cycle}}) if {
	_cyclic(digest)
	cycle := concat(" > ", [facts.label(step) | some step in input.lineage.cycle])
} else := result.holds(false, {"message": "truncated"}) if {
	digest == input.subject
	input.lineage.truncated
} else := result.holds(_accounted(digest), {"notes": _derived(digest)})

_cyclic(digest) if {
	digest == input.subject
	count(input.lineage.cycle) > 0
}

default _accounted(_) := false

_accounted(digest) if count(input.artifacts[digest].parents) > 0

_accounted(digest) if digest in facts.accepted

_accounted(digest) if {
	digest in (facts.datasets - facts.all_models)
	some statement in facts.ownership(digest)
	input.statements[statement].body.kind in settings.lineage.root_dataset_kinds
}

# Judged by its uses alone: what an owner says of it besides must not make it worse than an owner's silence.
_accounted(digest) if {
	roles := facts.dependency_roles[digest]
	every role in roles {
		role in settings.lineage.root_roles
	}
}

_derived(digest) := {note |
	some statement in facts.ownership(digest)
	note := {"note": "derived", "values": {"kind": input.statements[statement].body.kind}}
}

_packaged(digest) := result.holds(false, {"message": "modelless"}) if {
	count(facts.all_models) == 0
} else := result.exists(facts.of_type("package", digest), {"message": "package", "notes": _refused(digest)})

_digested(statement) if count(object.get(input.statements[statement].body, "unpinned", [])) == 0

_unpinned[entry.artifact] contains entry.name if some entry in input.lineage.unpinned
