"""Ingest: write the breast cancer data set that scikit-learn ships as one CSV file."""

from pathlib import Path

from sklearn.datasets import load_breast_cancer

data = load_breast_cancer()
Path("data").mkdir(exist_ok=True)
with open("data/raw.csv", "w", encoding="utf-8") as out:
    print("id", *(name.replace(" ", "_") for name in data.feature_names), "target", sep=",", file=out)
    for number, (row, target) in enumerate(zip(data.data, data.target, strict=True)):
        print(number, *(repr(float(value)) for value in row), int(target), sep=",", file=out)
print(f"data/raw.csv: {len(data.target)} rows, {len(data.feature_names)} features")
