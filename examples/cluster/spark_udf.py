"""Labels as a column of a Spark table, by `predict_batch_udf`. Spark, in place of Ray, runs the
workers.

    spark-submit spark_udf.py MODEL INPUT.parquet OUT.parquet

Every executor needs foretell, and MODEL under the same path.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def make_predict(model: str) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Open a model, once for each Python worker, and return the function that labels a batch of
    texts.
    """
    import numpy as np

    from foretell.runtime.labels.classifier import LabelsRuntime

    runtime = LabelsRuntime(model, threads=1)

    def predict(texts: np.ndarray) -> dict[str, np.ndarray]:
        # A missing text is an empty one; every row has an answer.
        found = list(runtime.classify(["" if text is None else str(text) for text in texts]))
        return {
            "label": np.array([verdict.label for verdict in found]),
            "probability": np.array([verdict.probability for verdict in found], np.float32),
        }

    return predict


def main(model: str, source: str, out: str) -> None:
    """Add the column `answer`, with label and probability, to a table."""
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import SparkSession
    from pyspark.sql.types import FloatType, StringType, StructField, StructType

    answer = StructType(
        [StructField("label", StringType()), StructField("probability", FloatType())]
    )
    classify = predict_batch_udf(lambda: make_predict(model), return_type=answer, batch_size=512)
    spark = SparkSession.builder.getOrCreate()
    table = spark.read.parquet(source)
    table.withColumn("answer", classify("text")).write.parquet(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
