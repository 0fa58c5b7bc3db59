// One number's term of a diffusion's variational bound and its derivatives (Nichol and Dhariwal, arXiv 2102.09672;
// facebookresearch/DiT, gaussian_diffusion.py: _vb_terms_bpd). Precision (fp32) and order of operations are
// the reference's: the probability of a bin is the difference of two nearly equal numbers, which depends on both. A first step may ask for double.
#pragma once

#include <cstdint>

#include "common/host_device.h"

namespace eqv {

constexpr int kVlbColumns = 8;

// A sample's row of the tensor `steps`.
template <class T>
struct VlbStep {
  T noisy_to_start, said_to_start;  // x0 = a·x[t] + b·said
  T start_to_mean, noisy_to_mean;   // the mean of x[t−1] = c·x0 + d·x[t]
  T posterior;                      // log variance of q(x[t−1] | x[t], x0)
  T least, most;                    // the log variances that −1 and 1 stand for
  T decodes;                        // above 0 in the first step: the term is −log of the mass of a bin of 2/255 around x0;
                                    // above 1: the same, computed in double

  EQV_HOST_DEVICE explicit VlbStep(const T* row)
      : noisy_to_start(row[0]), said_to_start(row[1]), start_to_mean(row[2]), noisy_to_mean(row[3]), posterior(row[4]),
        least(row[5]), most(row[6]), decodes(row[7]) {}

  template <class Other>
  EQV_HOST_DEVICE explicit VlbStep(const VlbStep<Other>& s)
      : noisy_to_start(s.noisy_to_start), said_to_start(s.said_to_start), start_to_mean(s.start_to_mean),
        noisy_to_mean(s.noisy_to_mean), posterior(s.posterior), least(s.least), most(s.most), decodes(s.decodes) {}
};

// In nats, and its derivatives by the network's outputs for x0 and for the variance.
template <class T>
struct VlbTerm {
  T value, said, variance;
};

// ½(1 + tanh(√(2/π)(x + 0.044715x³))), nearly the standard normal distribution, and its derivative.
template <class T>
struct NearlyNormal {
  T distribution, density;

  EQV_HOST_DEVICE explicit NearlyNormal(T x) {
    const T root = T(0.79788456080286535588), t = std::tanh(root * (x + T(0.044715) * (x * x * x)));
    distribution = T(0.5) * (T(1) + t);
    density = T(0.5) * (T(1) - t * t) * (root * (T(1) + T(0.134145) * (x * x)));
  }
};

template <class T>
EQV_HOST_DEVICE VlbTerm<T> vlb_decoder(T start, T mean, T log_variance, T mean_slope, T variance_slope) {
  const T edge = T(0.999), bin = T(1) / T(255), floor = T(1e-12);
  const T apart = start - mean, inverse = std::exp(-(T(0.5) * log_variance));
  const T high = inverse * (apart + bin), low = inverse * (apart - bin);
  const NearlyNormal<T> above(high), below(low);
  T mass = above.distribution - below.distribution, slope = above.density - below.density;
  T moment = high * above.density - low * below.density;  // −2 d mass / d log_variance
  if (start < -edge) {
    mass = above.distribution, slope = above.density, moment = high * above.density;
  } else if (start > edge) {
    mass = T(1) - below.distribution, slope = -below.density, moment = -low * below.density;
  }
  if (mass < floor) return {-std::log(floor), T(0), T(0)};
  return {-std::log(mass), inverse * slope / mass * mean_slope, T(0.5) * moment / mass * variance_slope};
}

template <class T>
EQV_HOST_DEVICE VlbTerm<T> vlb_term(const VlbStep<T>& s, T said, T variance, T start, T noisy) {
  if constexpr (sizeof(T) < sizeof(double)) {
    if (s.decodes > T(1)) {
      const auto t = vlb_term<double>(VlbStep<double>(s), said, variance, start, noisy);
      return {static_cast<T>(t.value), static_cast<T>(t.said), static_cast<T>(t.variance)};
    }
  }
  const T part = (variance + T(1)) / T(2);
  const T log_variance = part * s.most + (T(1) - part) * s.least, variance_slope = (s.most - s.least) / T(2);
  const T expected = s.noisy_to_start * noisy + s.said_to_start * said, mean_slope = s.start_to_mean * s.said_to_start;
  const T mean = s.start_to_mean * expected + s.noisy_to_mean * noisy;
  if (s.decodes > T(0)) return vlb_decoder(start, mean, log_variance, mean_slope, variance_slope);
  const T apart = (s.start_to_mean * start + s.noisy_to_mean * noisy) - mean;
  const T ratio = std::exp(s.posterior - log_variance), precision = std::exp(-log_variance);
  const T squares = apart * apart * precision;
  return {T(0.5) * (T(-1) + log_variance - s.posterior + ratio + squares), -apart * precision * mean_slope,
          T(0.5) * (T(1) - ratio - squares) * variance_slope};
}

// A loss is the mean over a sample's numbers, in bits.
constexpr double kNatsPerBit = 0.69314718055994530942;

}  // namespace eqv
