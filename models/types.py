"""Types that the models share."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Floats: TypeAlias = npt.NDArray[np.float64]

Integers: TypeAlias = npt.NDArray[np.int64]

Booleans: TypeAlias = npt.NDArray[np.bool_]

# Positions in another array.
Indices: TypeAlias = npt.NDArray[np.intp]

Rows: TypeAlias = pa.Table | pd.DataFrame

# A row of model_quality: metric, value (None: not known), note.
QualityRow: TypeAlias = tuple[str, float | None, str]
