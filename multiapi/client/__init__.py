"""The clients: one provider, called and waited for, or awaited."""

from multiapi.client.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]
