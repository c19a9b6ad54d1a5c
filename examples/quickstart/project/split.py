"""Preprocess: split the rows by the recorded seed and test size, the class shares kept."""

import csv
import json
import os

from sklearn.model_selection import train_test_split

parameters = json.loads(os.environ["PLACET_PARAMETERS"])
seeds = json.loads(os.environ["PLACET_SEEDS"])

with open("data/raw.csv", encoding="utf-8", newline="") as source:
    header, *rows = csv.reader(source)
train, test = train_test_split(
    rows, test_size=parameters["test_size"], random_state=seeds["split"], stratify=[row[-1] for row in rows]
)
for name, part in (("train", train), ("test", test)):
    with open(f"data/{name}.csv", "w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([header, *part])
    print(f"data/{name}.csv: {len(part)} rows")
