"""The finders of modules and torch's loader: while torch is not imported one finder waits for it; after that nobody does."""

# alone: it looks at how torch is imported

import sys


def finders():
    return [getattr(one, "__name__", type(one).__name__) for one in sys.meta_path]


waiting = [one for one in finders() if one not in ("BuiltinImporter", "FrozenImporter", "PathFinder")]
print(len(waiting) <= 1, sys.path, len(sys.path_hooks), sorted(sys.path_importer_cache))
import importlib.util

spec = importlib.util.find_spec("torch")
print({"name", "path"} <= spec.loader.__dict__.keys(), "torch" in sys.modules)
import importlib

torch = importlib.import_module("torch")
print(finders(), sorted(torch.__spec__.loader.__dict__), sys.path, len(sys.path_hooks), type(torch.__loader__).__name__)
