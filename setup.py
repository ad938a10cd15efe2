"""Which packages a wheel holds; all else about it is in pyproject.toml.

``backend`` and ``pages`` as they lie here, and the package ``embedscope``: ``app.py`` with ``.streamlit``, for Streamlit
wants its settings, and the folder that it serves, beside the script, and a site-packages folder is no place for these.
"""

from setuptools import find_namespace_packages, setup

setup(
    packages=["embedscope", *find_namespace_packages(include=["backend", "backend.*", "pages", "pages.*"])],
    package_dir={"embedscope": "."},
    script_name="setup.py",  # so that it is no module of the package whose folder is this one
)
