# Libraries with one fault each, planted into copies of the kernels: PlantedFaultsTest fails if the tests miss one of them.
# FAULTS: name | file | the right code | the faulty code.
set(FAULTS
  "missing-barrier|common/mma_gemm.h|    __syncthreads()|    if (false) __syncthreads()"
  "wait-off-by-one|common/mma_gemm.h|wait_for_copies<kStages - 2>|wait_for_copies<kStages - 1>"
  "out-of-bounds|common/mma_gemm.h|if (row >= size.rows) continue|(void)0"
  "wrong-phase|conv2d/hopper_tiles.h|state.phase ^ 1|state.phase"
  "early-release|conv2d/hopper_tiles.h|warpgroup_wait<1>()|before = state.stage"
  "products-not-waited-for|conv2d/hopper_tiles.h|warpgroup_wait<0>()|(void)0"
  "early-release-weight|conv2d/conv2d_hopper_weight.cu|warpgroup_wait<1>()|before = state.stage"
  "out-of-bounds-hopper|conv2d/hopper_store.h|result >= p.pixels|false"
  "barriers-not-fenced|conv2d/hopper_pipeline.h|fence_barrier_init()|(void)0"
  # Both blocks of a cluster write into each other's stages. Here a block does not wait for the other block's readers.
  "other-block-not-waited-for|conv2d/hopper_pipeline.h|barrier_arrive_at(&empty[stage], thread)|barrier_arrive_at(&empty[stage], cluster_rank())"
  "no-cluster-barrier|conv2d/hopper_pipeline.h|cluster_barrier()|__syncthreads()"
  "block-ends-early|conv2d/conv2d_hopper.cu|shared.pipeline.finish()|(void)0"
  "store-not-fenced|conv2d/hopper_store.h|fence_async_proxy()|(void)0"
  "store-not-waited-for|conv2d/hopper_store.h|wait_for_stores<1>()|(void)0"
  "order-not-awaited|conv2d/hopper_tiles.h|order.wait(group, mine)|(void)mine"
  "stages-of-the-other|conv2d/hopper_tiles.h|state.advance(steps)|(void)0"
  "half-of-the-other|conv2d/hopper_tiles.h|tile.channel + share|tile.channel"
  "out-of-bounds-thin|conv2d/conv2d_thin_input.cu|if (pixel >= c.pixels) continue|(void)0"
  "missing-barrier-thin|conv2d/conv2d_thin_output.cu|__syncthreads()|(void)0"
  "wait-off-by-one-thin|conv2d/conv2d_thin_weight.cu|wait_for_copies<kRing - 2>|wait_for_copies<kRing - 1>"
  "mirrored-at-the-edge|pad2d/border.h|2 * (size - 1) - i|2 * size - 1 - i"
  "own-place-left-out|pad2d/border.h|p <= own|p < own"
  # Copies into the stage that is read next. Only copies that are done at once (SIMT_EARLY=1) show this fault.
  "overwritten-early|conv2d/conv2d_thin_output.cu|fetch(step + kStages - 1)|(step ? void() : fetch(kStages - 1)), fetch(step + kStages)")

# Does a source, or a header it includes, include this file? Only such sources are compiled anew for a fault in a header.
function(eqv_includes_header source header result)
  set(open ${source})
  set(seen)
  set(${result} FALSE PARENT_SCOPE)
  while(open)
    list(POP_FRONT open file)
    file(STRINGS ${CMAKE_SOURCE_DIR}/kernels/${file} lines REGEX "^#include \"")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^#include \"([^\"]+)\".*" "\\1" included "${line}")
      if(included STREQUAL header)
        set(${result} TRUE PARENT_SCOPE)
        return()
      endif()
      if(EXISTS ${CMAKE_SOURCE_DIR}/kernels/${included} AND NOT included IN_LIST seen)
        list(APPEND seen ${included})
        list(APPEND open ${included})
      endif()
    endforeach()
  endwhile()
endfunction()

foreach(fault IN LISTS FAULTS)
  string(REPLACE "|" ";" parts "${fault}")
  list(GET parts 0 name)
  list(GET parts 1 file)
  list(GET parts 2 right)
  list(GET parts 3 wrong)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/faults/${name})
  file(READ ${CMAKE_SOURCE_DIR}/kernels/${file} text)
  string(REPLACE "${right}" "${wrong}" planted "${text}")
  if(planted STREQUAL text)
    message(FATAL_ERROR "faults.cmake: kernels/${file} no longer contains '${right}'")
  endif()
  # A faulty source replaces the source; a faulty header replaces all sources that include it. Other objects stay the right ones.
  set(sources)
  set(objects $<TARGET_OBJECTS:eqv_simt_objects> ${EQV_SHIM})
  foreach(source IN LISTS EQV_APART)
    eqv_includes_header(${source}.cu ${file} touched)
    if(NOT file STREQUAL ${source}.cu AND NOT touched)
      get_filename_component(whole ${source} NAME)
      list(APPEND objects $<TARGET_OBJECTS:eqv_simt_${whole}>)
    else()
      configure_file(${CMAKE_SOURCE_DIR}/kernels/${source}.cu ${folder}/${source}.cu COPYONLY)
      list(APPEND sources ${folder}/${source}.cu)
    endif()
  endforeach()
  file(CONFIGURE OUTPUT ${folder}/${file} CONTENT "${planted}" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/${file})
  set_source_files_properties(${sources} PROPERTIES LANGUAGE CXX)
  eqv_backend(fault_${name} ${sources} ${objects})
  eqv_precompiled(fault_${name} eqv_simt_objects)
  target_include_directories(fault_${name} BEFORE PRIVATE ${folder})
  target_link_libraries(fault_${name} PRIVATE Threads::Threads)
  set_target_properties(fault_${name} PROPERTIES OUTPUT_NAME eqv_simt
                        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/faults/${name})
  # The reference, found beside the library under test.
  add_custom_command(TARGET fault_${name} POST_BUILD COMMAND ${CMAKE_COMMAND} -E create_symlink
                     ../../libeqv_ref.so ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/faults/${name}/libeqv_ref.so)
endforeach()
