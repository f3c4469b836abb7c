"""Keeps a folder of KV blocks within its size: vLLM writes them and removes none (https://github.com/vllm-project/vllm/issues/54779)."""
