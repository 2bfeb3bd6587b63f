"""The knowledge graph environment: AgentBench's seven tools over any graph (the extra `knowledge-graph`).

Nothing here imports the store or the packages of facts before they are used, so the environment can be
listed and its options checked without the extra.
"""

from trajectune.environments.knowledge_graph.environment import KnowledgeGraphEnvironment

__all__ = ["KnowledgeGraphEnvironment"]
