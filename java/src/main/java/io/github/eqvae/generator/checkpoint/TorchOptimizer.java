package io.github.eqvae.generator.checkpoint;

import io.github.eqvae.io.torch.TorchTensor;
import io.github.eqvae.io.torch.TorchValue;
import io.github.eqvae.io.torch.TorchValue.PyBool;
import io.github.eqvae.io.torch.TorchValue.PyDict;
import io.github.eqvae.io.torch.TorchValue.PyFloat;
import io.github.eqvae.io.torch.TorchValue.PyInt;
import io.github.eqvae.io.torch.TorchValue.PyList;
import io.github.eqvae.io.torch.TorchValue.PyNone;
import io.github.eqvae.io.torch.TorchValue.PyTuple;
import io.github.eqvae.nn.AdamSettings;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The state of an Adam optimiser as {@code torch.optim.AdamW(model.parameters()).state_dict()}
 * returns it. PyTorch has no names there: parameters are numbered in the order of {@code
 * model.parameters()}.
 *
 * @param adam decays
 * @param learningRate of the next update
 * @param steps updates so far
 */
public record TorchOptimizer(AdamSettings adam, double learningRate, long steps) {
  /**
   * The moments of one parameter.
   *
   * @param first running mean of the gradient
   * @param second running mean of the squared gradient
   */
  public record Moments(TorchTensor first, TorchTensor second) {}

  /**
   * The dictionary {@code {state, param_groups}}.
   *
   * @param order names of all parameters as {@code model.parameters()} lists them, also of those
   *     without a gradient
   * @param moments by name; parameters without a gradient have none
   * @return the dictionary
   */
  public PyDict toDict(Collection<String> order, Map<String, Moments> moments) {
    Map<Long, TorchValue> state = new LinkedHashMap<>();
    List<TorchValue> numbers = new ArrayList<>();
    for (String name : order) {
      long number = numbers.size();
      numbers.add(new PyInt(number));
      Moments own = moments.get(name);
      if (own != null && steps > 0) {
        Map<String, TorchValue> entry = new LinkedHashMap<>();
        // PyTorch counts in place: parameters that shared one counter would all move it
        entry.put("step", TorchTensor.of(new float[] {steps}));
        entry.put("exp_avg", own.first());
        entry.put("exp_avg_sq", own.second());
        state.put(number, PyDict.of(entry));
      }
    }
    Map<String, TorchValue> group = new LinkedHashMap<>();
    group.put("lr", new PyFloat(learningRate));
    group.put("betas", new PyTuple(List.of(new PyFloat(adam.beta1()), new PyFloat(adam.beta2()))));
    group.put("eps", new PyFloat(adam.eps()));
    group.put("weight_decay", new PyFloat(adam.weightDecay()));
    group.put("amsgrad", new PyBool(false));
    group.put("maximize", new PyBool(false));
    group.put("foreach", PyNone.NONE);
    group.put("capturable", new PyBool(false));
    group.put("differentiable", new PyBool(false));
    group.put("fused", PyNone.NONE);
    group.put("decoupled_weight_decay", new PyBool(adam.decoupled()));
    group.put("params", new PyList(numbers));
    Map<String, TorchValue> all = new LinkedHashMap<>();
    all.put("state", PyDict.numbered(state));
    all.put("param_groups", new PyList(List.of(PyDict.of(group))));
    return PyDict.of(all);
  }
}
