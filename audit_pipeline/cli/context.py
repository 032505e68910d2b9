"""What every command needs: the project, loaded when first asked for."""

from functools import cached_property
from pathlib import Path

from audit_pipeline.config import Layout, Project, load_project


class Context:
    """Global options of one call."""

    def __init__(self, root: Path) -> None:
        """`root` is the project folder; it is not read yet."""
        self.root = root.resolve()

    @cached_property
    def project(self) -> Project:
        """The project.

        Raises:
            ConfigError: with every fault of its files.
        """
        return load_project(self.root)

    @property
    def layout(self) -> Layout:
        """Where the project keeps its things; needs no valid configuration."""
        return Layout(root=self.root)
