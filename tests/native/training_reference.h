// The operations of training in their plainest form, as reference.h has the others: as Real =
// double they are the specification, as float the naive loop. The gradients are formulas; tests
// hold them against finite differences of the forward operation in double.
#pragma once

#include <functional>
#include <limits>

#include "random.h"
#include "reference.h"

namespace jangle::test {

template <typename Real>
std::vector<Real> As(const std::vector<float>& from) {
  return {from.begin(), from.end()};
}

// d f / d x[i] for each i, by central differences in double.
inline std::vector<double> FiniteDifferences(
    std::vector<double> x, const std::function<double(const std::vector<double>&)>& f,
    double step = 1e-5) {
  std::vector<double> gradient(x.size());
  for (size_t i = 0; i < x.size(); i++) {
    const double at = x[i];
    x[i] = at + step;
    const double above = f(x);
    x[i] = at - step;
    const double below = f(x);
    x[i] = at;
    gradient[i] = (above - below) / (2 * step);
  }
  return gradient;
}

template <typename Real>
Real Dot(const std::vector<Real>& a, const std::vector<Real>& b) {
  Real sum = 0;
  for (size_t i = 0; i < a.size(); i++) sum += a[i] * b[i];
  return sum;
}

// y = x / sqrt(mean(x^2) + eps) * weight, of one run.
template <typename Real>
std::vector<Real> Rmsnorm(const std::vector<Real>& x, const std::vector<Real>& weight, Real eps) {
  const Real scale = 1 / std::sqrt(Dot(x, x) / static_cast<Real>(x.size()) + eps);
  std::vector<Real> y(x.size());
  for (size_t i = 0; i < x.size(); i++) y[i] = x[i] * scale * weight[i];
  return y;
}

template <typename Real>
struct RmsnormGradient {
  std::vector<Real> dx, dweight;
  Real largest_term = 0;  // of the difference that dx is
};
template <typename Real>
RmsnormGradient<Real> RmsnormBackwardReference(const std::vector<Real>& x,
                                               const std::vector<Real>& weight, Real eps,
                                               const std::vector<Real>& dy) {
  const auto n = static_cast<Real>(x.size());
  const Real scale = 1 / std::sqrt(Dot(x, x) / n + eps);
  Real sum = 0;
  for (size_t i = 0; i < x.size(); i++) sum += dy[i] * weight[i] * x[i];
  RmsnormGradient<Real> g = {x, x};
  for (size_t i = 0; i < x.size(); i++) {
    g.dx[i] = scale * (dy[i] * weight[i] - x[i] * scale * scale * sum / n);
    g.dweight[i] = dy[i] * x[i] * scale;
    g.largest_term = std::max(g.largest_term, std::fabs(scale * dy[i] * weight[i]));
  }
  return g;
}

template <typename Real>
struct SwigluGradient {
  Real gate, up;
};
template <typename Real>
SwigluGradient<Real> SwigluBackwardReference(Real gate, Real up, Real dout) {
  const Real s = 1 / (1 + std::exp(-gate));
  return {dout * up * s * (1 + gate * (1 - s)), dout * gate * s};
}

template <typename Real>
Real CrossEntropyReference(const std::vector<Real>& logits, int64_t target) {
  const Real most = *std::max_element(logits.begin(), logits.end());
  Real sum = 0;
  for (Real z : logits) sum += std::exp(z - most);
  return std::log(sum) + most - logits[static_cast<size_t>(target)];
}
template <typename Real>
std::vector<Real> CrossEntropyBackwardReference(std::vector<Real> logits, int64_t target,
                                                Real weight) {
  const Real most = *std::max_element(logits.begin(), logits.end());
  Real sum = 0;
  for (Real& z : logits) sum += z = std::exp(z - most);
  for (Real& z : logits) z = weight * z / sum;
  logits[static_cast<size_t>(target)] -= weight;
  return logits;
}

// Shape of attention over packed samples; dense rows.
struct PackedShape {
  int64_t rows, heads, kv_heads, head_dim;
  std::vector<int32_t> start;
  std::vector<int32_t> gaps;  // [rows][2]; empty: none
  bool Sees(int64_t i, int64_t j) const {
    const auto at = static_cast<size_t>(2 * i);
    return j == i || gaps.empty() || j < gaps[at] || j >= gaps[at + 1];
  }
  int64_t QuerySize() const { return rows * heads * head_dim; }
  int64_t KeySize() const { return rows * kv_heads * head_dim; }
};

// Packed samples that begin at these rows.
inline PackedShape Packed(int64_t rows, int64_t heads, int64_t kv_heads, int64_t head_dim,
                          const std::vector<int32_t>& begins) {
  PackedShape shape = {rows, heads, kv_heads, head_dim, {}, {}};
  int32_t begin = 0;
  for (int32_t i = 0; i < rows; i++) {
    if (std::find(begins.begin(), begins.end(), i) != begins.end()) begin = i;
    shape.start.push_back(begin);
  }
  return shape;
}

// The same with a gap for two of three rows, some longer than what the row would attend.
inline PackedShape WithGaps(PackedShape shape, Random& random) {
  for (int32_t i = 0; i < shape.rows; i++) {
    const int32_t start = shape.start[static_cast<size_t>(i)];
    const auto length = static_cast<uint64_t>(i + 1 - start);
    const int32_t begin = start + static_cast<int32_t>(random.Below(length));
    const int32_t end = begin + static_cast<int32_t>(random.Below(length + 2));
    shape.gaps.push_back(i % 5 == 4 ? start - 3 : begin);
    shape.gaps.push_back(i % 3 == 1 ? begin : end);
  }
  return shape;
}

template <typename Real>
struct PackedResult {
  std::vector<Real> out, lse;
  std::vector<Real> dq, dk, dv;
};

// Forward, and backward where dout is not empty.
template <typename Real>
PackedResult<Real> PackedAttentionReference(const PackedShape& s, Real scale,
                                            const std::vector<Real>& q, const std::vector<Real>& k,
                                            const std::vector<Real>& v,
                                            const std::vector<Real>& dout) {
  PackedResult<Real> r;
  r.out.assign(q.size(), 0);
  r.lse.assign(static_cast<size_t>(s.rows * s.heads), 0);
  if (!dout.empty()) {
    r.dq.assign(q.size(), 0);
    r.dk.assign(k.size(), 0);
    r.dv.assign(k.size(), 0);
  }
  const int64_t dim = s.head_dim;
  for (int64_t i = 0; i < s.rows; i++) {
    for (int64_t head = 0; head < s.heads; head++) {
      const int64_t at_q = (i * s.heads + head) * dim;
      const auto at_k = [&](int64_t j) {
        return (j * s.kv_heads + head / (s.heads / s.kv_heads)) * dim;
      };
      const auto dot = [&](const std::vector<Real>& a, int64_t x, const std::vector<Real>& b,
                           int64_t y) {
        Real sum = 0;
        for (int64_t d = 0; d < dim; d++) {
          sum += a[static_cast<size_t>(x + d)] * b[static_cast<size_t>(y + d)];
        }
        return sum;
      };
      const int64_t first = s.start[static_cast<size_t>(i)];
      std::vector<Real> w;
      for (int64_t j = first; j <= i; j++) {
        const Real hidden = -std::numeric_limits<Real>::infinity();
        w.push_back(s.Sees(i, j) ? scale * dot(q, at_q, k, at_k(j)) : hidden);
      }
      const Real most = *std::max_element(w.begin(), w.end());
      Real sum = 0;
      for (Real& weight : w) sum += weight = std::exp(weight - most);
      r.lse[static_cast<size_t>(i * s.heads + head)] = std::log(sum) + most;
      for (int64_t j = first; j <= i; j++) {
        Real& weight = w[static_cast<size_t>(j - first)];
        weight /= sum;
        for (int64_t d = 0; d < dim; d++) {
          r.out[static_cast<size_t>(at_q + d)] += weight * v[static_cast<size_t>(at_k(j) + d)];
        }
      }
      if (dout.empty()) continue;
      const Real delta = dot(r.out, at_q, dout, at_q);
      for (int64_t j = first; j <= i; j++) {
        const Real weight = w[static_cast<size_t>(j - first)];
        const Real ds = weight * (dot(dout, at_q, v, at_k(j)) - delta);
        for (int64_t d = 0; d < dim; d++) {
          const auto x = static_cast<size_t>(at_q + d);
          const auto y = static_cast<size_t>(at_k(j) + d);
          r.dq[x] += scale * ds * k[y];
          r.dk[y] += scale * ds * q[x];
          r.dv[y] += weight * dout[x];
        }
      }
    }
  }
  return r;
}

}  // namespace jangle::test
