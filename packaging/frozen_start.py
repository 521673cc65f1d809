"""Runs before the app in the frozen program: gives programs that the app starts their own libraries back.

PyInstaller points LD_LIBRARY_PATH into our folder. The loader has read it by now; a browser opened for a link
would inherit it and load our libraries instead of the system's.
"""

import os

for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
    before = os.environ.pop(f"{name}_ORIG", None)
    if before is not None:
        os.environ[name] = before
    else:
        os.environ.pop(name, None)
# The model's process is this program again: it has to set the path anew, not to rely on having inherited it.
os.environ["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
