"""SHAP's reference explainers see a dozen rows here: compiling them would take 10 s, running them takes none."""

import os

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # read when SHAP is imported; the product's explainers use no numba
