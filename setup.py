"""Lists the packages of the mapped folders; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

FOLDERS = {
    "qhopfield": "src/qhopfield",
    "qhopfield.circuits": "circuits",
}

setup(
    packages=[
        name
        for top, folder in FOLDERS.items()
        for name in (top, *(f"{top}.{sub}" for sub in find_packages(folder)))
    ]
)
