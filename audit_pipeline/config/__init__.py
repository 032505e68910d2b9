"""YAML and environment to typed objects; all faults at once, with file and key."""

from audit_pipeline.config.fairness import Fairness
from audit_pipeline.config.load import AuditedModel, Project, load_project, project_alone
from audit_pipeline.config.model import ColumnConfig, Labels, ModelConfig
from audit_pipeline.config.policy import Floor, Limit, Policy
from audit_pipeline.config.project import Layout, Limits, ProjectConfig, Relay
from audit_pipeline.config.retention import Hold, Retention
from audit_pipeline.config.role import DatabaseRole
from audit_pipeline.config.source import NightlySource, Source
from audit_pipeline.config.source import Reference as ReferenceConfig
from audit_pipeline.config.suite import ExpectationConfig, SuiteConfig

__all__ = [
    "AuditedModel",
    "ColumnConfig",
    "DatabaseRole",
    "ExpectationConfig",
    "Fairness",
    "Floor",
    "Hold",
    "Labels",
    "Layout",
    "Limit",
    "Limits",
    "ModelConfig",
    "NightlySource",
    "Policy",
    "Project",
    "ProjectConfig",
    "ReferenceConfig",
    "Relay",
    "Retention",
    "Source",
    "SuiteConfig",
    "load_project",
    "project_alone",
]
