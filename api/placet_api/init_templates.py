"""The files that `placet init` writes, as text."""

from __future__ import annotations

PLACET_YAML = """\
# Settings of this project; `placet doctor` prints each with its source.
store: sqlite:///.placet/placet.db
trust: trust.yaml
signing:
  default: dev
"""

TRUST_YAML = """\
# Who may say what about which kind of artifact. Nobody may, unless it stands here.
# `placet trust check` reads it, `placet trust explain` says what it means, `placet trust digest` pins it.
version: 1
signers:
  - id: dev                      # the key that `placet init` made; no approver, on purpose
    principal: {principal}
    key: keys/dev.pub
    roles: [builder, trainer]
    builders: [https://placet.dev/builders/local/v1]
  # The gate's own key signs verification summaries (placet gate … --output vsa=FILE) and nothing else.
  - {{id: gate, principal: gate, key: keys/gate.pub, roles: [gate]}}
  # Other people make their own keys (placet key new NAME) and send you NAME.pub:
  # - {{id: data-owner, principal: data@example.org, key: keys/data-owner.pub, roles: [data-owner]}}
  # - {{id: evaluator, principal: evaluation@example.org, key: keys/evaluator.pub, roles: [evaluator]}}
  # - {{id: approver, principal: risk@example.org, key: keys/approver.pub, roles: [approver]}}
rules:
  - {{roles: [data-owner], types: [dataset], kinds: [dataset], may_name: ["*"], may_alias: true}}
  - {{roles: [builder], types: [ingest, preprocess], kinds: [dataset], may_name: ["*"], may_alias: true}}
  - {{roles: [trainer], types: [training], kinds: [model], may_name: ["*"], may_alias: true}}
  - {{roles: [builder], types: [package], kinds: [image], may_name: ["*"], may_alias: true}}
  - {{roles: [evaluator], types: [measurement], kinds: [model, dataset]}}
  - {{roles: [approver], types: [approval, waiver], kinds: [model, image]}}
  - {{roles: [gate], types: ["https://slsa.dev/verification_summary/v1"], kinds: [model, image, dataset]}}
revoked: []
"""

GITIGNORE = ".placet/\n"

# `--example`: a model small enough to read, from a data set small enough to see, with the commands that vouch for them.
EXAMPLE = {
    "data.csv": "height,weight,label\n1.60,52,0\n1.72,70,0\n1.80,95,1\n1.68,88,1\n1.75,68,0\n1.62,80,1\n",
    "train.py": """\
\"\"\"Train: the one threshold of body mass index that separates data.csv best.\"\"\"

import csv
import json

with open("data.csv", newline="") as source:
    rows = [(float(row["weight"]) / float(row["height"]) ** 2, int(row["label"])) for row in csv.DictReader(source)]
candidates = sorted(bmi for bmi, _ in rows)
best = max(candidates, key=lambda limit: sum((bmi >= limit) == bool(label) for bmi, label in rows))
with open("model.json", "w") as out:
    json.dump({"threshold": best}, out)
""",
    "dataset.yaml": """\
name: body-mass
version: "1"
kind: raw
origin: {issuer: placet init, source: made up, method: written by hand}
rights: {license: CC0-1.0, intendedUse: [demonstration]}
governance: {owner: you}
""",
    "model.json": '{"threshold": 26.0}',
}
