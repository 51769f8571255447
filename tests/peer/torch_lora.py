#!/usr/bin/env python3
"""A LLaMA with hand-made LoRA in PyTorch, random weights, one training step measured: a peer for `bench train`, no part of the
product. Prints the same fields as JSON lines. Needs torch alone.

What is the same: sizes, batches, bfloat16 base without gradients, float32 LoRA factors cast where they are used, no dropout,
cross-entropy over all tokens, clipping to norm 1, AdamW without decay. What differs: attention is
scaled_dot_product_attention, which fuses; rotary positions are computed once.
"""
import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint


class Linear(nn.Module):
    def __init__(self, inputs, outputs, r, dtype, device):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, dtype=dtype, device=device).normal_(0, 0.02), requires_grad=False)
        self.r = r
        if r:
            self.a = nn.Parameter(torch.empty(r, inputs, dtype=torch.float32, device=device).normal_(0, 0.01))
            self.b = nn.Parameter(torch.empty(outputs, r, dtype=torch.float32, device=device).normal_(0, 0.01))

    def forward(self, x):
        y = F.linear(x, self.weight)
        if self.r:
            y = y + F.linear(2.0 * F.linear(x, self.a.to(x.dtype)), self.b.to(x.dtype))
        return y


class Norm(nn.Module):
    def __init__(self, size, dtype, device):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size, dtype=dtype, device=device), requires_grad=False)

    def forward(self, x):
        wide = x.float()
        return self.weight * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype)


class Block(nn.Module):
    def __init__(self, args, dtype, device):
        super().__init__()
        hidden, mlp = args.hidden_size, args.intermediate_size
        targets = set(args.target_modules.split(","))
        sizes = dict(q_proj=(hidden, hidden), k_proj=(hidden, hidden), v_proj=(hidden, hidden), o_proj=(hidden, hidden),
                     gate_proj=(hidden, mlp), up_proj=(hidden, mlp), down_proj=(mlp, hidden))
        unknown = targets - set(sizes)
        if unknown:
            raise SystemExit(f"error: unknown target modules {sorted(unknown)}; there are {sorted(sizes)}")
        self.layers = nn.ModuleDict({n: Linear(i, o, args.r if n in targets else 0, dtype, device) for n, (i, o) in sizes.items()})
        self.norm1, self.norm2 = Norm(hidden, dtype, device), Norm(hidden, dtype, device)
        self.heads = args.num_attention_heads

    def forward(self, x, cos, sin):
        batch, length, hidden = x.shape
        h = self.norm1(x)

        def split(y):
            return y.view(batch, length, self.heads, -1).transpose(1, 2)

        def rotate(y):
            a, b = y.chunk(2, -1)
            return y * cos + torch.cat((-b, a), -1) * sin

        q, k, v = (split(self.layers[n](h)) for n in ("q_proj", "k_proj", "v_proj"))
        attended = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
        x = x + self.layers["o_proj"](attended.transpose(1, 2).reshape(batch, length, hidden))
        h = self.norm2(x)
        return x + self.layers["down_proj"](F.silu(self.layers["gate_proj"](h)) * self.layers["up_proj"](h))


class Llama(nn.Module):
    def __init__(self, args, dtype, device):
        super().__init__()
        self.embedding = nn.Parameter(
            torch.empty(args.vocab_size, args.hidden_size, dtype=dtype, device=device).normal_(0, 0.02), requires_grad=False)
        self.blocks = nn.ModuleList(Block(args, dtype, device) for _ in range(args.num_hidden_layers))
        self.norm = Norm(args.hidden_size, dtype, device)
        self.head = Linear(args.hidden_size, args.vocab_size, 0, dtype, device)
        self.again = args.gradient_checkpointing
        self.head_dim = args.hidden_size // args.num_attention_heads

    def forward(self, ids):
        x = F.embedding(ids, self.embedding)
        positions = torch.arange(ids.shape[1], device=ids.device, dtype=torch.float32)
        rates = 10000.0 ** (-torch.arange(0, self.head_dim, 2, device=ids.device, dtype=torch.float32) / self.head_dim)
        angles = torch.cat([torch.outer(positions, rates)] * 2, -1)
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        for block in self.blocks:
            x = checkpoint(block, x, cos, sin, use_reentrant=False) if self.again else block(x, cos, sin)
        logits = self.head(self.norm(x)).float()
        return F.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))


def flops(args, model, batch, length):
    """As bench train counts: 4 per frozen weight that is multiplied, 6 per weight of LoRA, 12 T h d per block, for each token."""
    frozen = sum(p.numel() for n, p in model.named_parameters() if not p.requires_grad and p.dim() == 2 and n != "embedding")
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return batch * length * (4 * frozen + 6 * trained + 12 * length * args.hidden_size * args.num_hidden_layers)


def main():
    parser = argparse.ArgumentParser()
    for name, value in dict(hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, intermediate_size=11008,
                            vocab_size=32000, r=8, steps=10).items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=value)
    parser.add_argument("--target-modules", default="q_proj,v_proj")
    parser.add_argument("--shapes", default="8x512,4x2048")
    parser.add_argument("--dtype", default="bfloat16", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--device", default="gpu", choices=["gpu", "cpu"])
    parser.add_argument("--compile", default="off", choices=["on", "off"])
    parser.add_argument("--gradient-checkpointing", action="store_true")
    args = parser.parse_args()
    device = "cuda" if args.device == "gpu" else "cpu"
    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = False
    model = Llama(args, getattr(torch, args.dtype), device)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0)
    loss_of = torch.compile(model) if args.compile == "on" else model

    def synchronize():
        if device == "cuda":
            torch.cuda.synchronize()

    for shape in args.shapes.split(","):
        batch, length = (int(size) for size in shape.split("x"))
        ids = torch.randint(args.vocab_size, (batch, length), device=device)

        def step():
            begun = time.perf_counter()
            loss_of(ids).backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            synchronize()
            return (time.perf_counter() - begun) * 1000

        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        first = step()
        for _ in range(3):
            step()
        times = [step() for _ in range(args.steps)]
        median = statistics.median(times)
        result = dict(bench="peer", peer="torch " + torch.__version__, device=args.device, dtype=args.dtype, batch_size=batch,
                      sequence_length=length, lora_r=args.r, target_modules=args.target_modules, xla="torch.compile " + args.compile,
                      gradient_checkpointing=args.gradient_checkpointing, first_step_ms=round(first, 2),
                      compile_ms=round(first - median, 2), step_ms_median=round(median, 2), step_ms_min=round(min(times), 2),
                      tokens_per_second=round(batch * length / median * 1000), flops_per_step=flops(args, model, batch, length),
                      gflops=round(flops(args, model, batch, length) / median / 1e6, 2))
        if device == "cuda":
            result["device_name"] = torch.cuda.get_device_name()
            result["device_memory_mib"] = torch.cuda.max_memory_allocated() >> 20
        print(json.dumps(result, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    main()
