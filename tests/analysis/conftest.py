import getpass
import os
import tempfile
from pathlib import Path

# umap-learn compiles for a minute or two; every later test run reads what the first one compiled.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"dataeval-ui-numba-{getpass.getuser()}"))
