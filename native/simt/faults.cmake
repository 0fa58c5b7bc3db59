# A library with faults planted into copies of the kernels. Each is asleep until EQV_FAULT has its name. PlantedFaultsTest fails
# if the tests miss one of them, or if the library fails while all are asleep.
# FAULTS: name | file, of kernels/ or native/ | the right code | the faulty code, in which P is true if the fault is awake.
# Those with -device or -primitives at the end are in a program of that name, which tests something that no kernel shows.
set(FAULTS
  "missing-barrier|common/mma_gemm.h|    __syncthreads()|    if (!P) __syncthreads()"
  "wait-off-by-one|common/mma_gemm.h|wait_for_copies<kStages - 2>()|P ? wait_for_copies<kStages - 1>() : wait_for_copies<kStages - 2>()"
  "out-of-bounds|common/mma_gemm.h|if (row >= size.rows) continue|if (row >= size.rows && !P) continue"
  "wrong-phase|conv2d/hopper_tiles.h|state.phase ^ 1|P ? state.phase : state.phase ^ 1"
  "early-release|conv2d/hopper_tiles.h|warpgroup_wait<1>()|P ? void(before = state.stage) : warpgroup_wait<1>()"
  "products-not-waited-for|conv2d/hopper_tiles.h|warpgroup_wait<0>()|P ? void() : warpgroup_wait<0>()"
  "early-release-weight|conv2d/conv2d_hopper_weight.cu|warpgroup_wait<1>()|P ? void(before = state.stage) : warpgroup_wait<1>()"
  "early-release-slab|conv2d/hopper_slabs.h|warpgroup_wait<1>()|P ? void() : warpgroup_wait<1>()"
  "slab-not-waited-for|conv2d/hopper_slabs.h|if (r == 0) pipelines|if (r == 0 && !P) pipelines"
  "slab-too-far-down|conv2d/hopper_slabs.h|r * T::kWidth|(P ? 0 : r) * T::kWidth"
  "box-of-another-tile|conv2d/hopper_slabs.h|tile % across * T::kWidth|(P ? 0 : tile % across) * T::kWidth"
  "slabs-from-the-start|conv2d/hopper_slabs.h|first = place_of<T>(p, tile.pixel)|first = (P ? void(slab = PipelineState<T::Pipe::kSlabs>()) : void(), place_of<T>(p, tile.pixel))"
  "out-of-bounds-hopper|conv2d/hopper_store.h|result >= p.pixels|(result >= p.pixels && !P)"
  "barriers-not-fenced|conv2d/hopper_pipeline.h|fence_barrier_init()|P ? void() : fence_barrier_init()"
  # Both blocks of a cluster write into each other's stages. Here a block does not wait for the other block's readers.
  "other-block-not-waited-for|conv2d/hopper_pipeline.h|barrier_arrive_at(&empty[stage], thread)|barrier_arrive_at(&empty[stage], P ? cluster_rank() : thread)"
  "no-cluster-barrier|conv2d/hopper_pipeline.h|cluster_barrier()|P ? __syncthreads() : cluster_barrier()"
  "block-ends-early|conv2d/hopper_tiles.h|shared.pipeline.finish()|P ? void() : shared.pipeline.finish()"
  "store-not-fenced|conv2d/hopper_store.h|fence_async_proxy()|P ? void() : fence_async_proxy()"
  "store-not-waited-for|conv2d/hopper_store.h|wait_for_stores<1>()|P ? void() : wait_for_stores<1>()"
  "order-not-awaited|conv2d/hopper_tiles.h|order.wait(group, mine, &pipeline.report)|P ? void() : order.wait(group, mine, &pipeline.report)"
  "stages-of-the-other|conv2d/hopper_tiles.h|state.advance(steps)|P ? void() : state.advance(steps)"
  "half-of-the-other|conv2d/hopper_tiles.h|tile.channel + share|tile.channel + (P ? 0 : share)"
  "out-of-bounds-thin|conv2d/conv2d_thin_input.cu|if (pixel >= c.pixels) continue|if (pixel >= c.pixels && !P) continue"
  "missing-barrier-thin|conv2d/conv2d_thin_output.cu|__syncthreads()|P ? void() : __syncthreads()"
  "wait-off-by-one-thin|conv2d/conv2d_thin_weight.cu|wait_for_copies<kRing - 2>()|P ? wait_for_copies<kRing - 1>() : wait_for_copies<kRing - 2>()"
  "mirrored-at-the-edge|pad2d/border.h|2 * (size - 1) - i|(P ? 2 * size - 1 - i : 2 * (size - 1) - i)"
  "own-place-left-out|pad2d/border.h|p <= own|(P ? p < own : p <= own)"
  # The residual of a box is on its way while the box before is stored.
  "residual-not-waited-for|conv2d/hopper_store.h|wait_for_copies<0>()|P ? void() : wait_for_copies<0>()"
  "fetched-too-soon|conv2d/hopper_store.h|wait_for_stores<0>()|P ? void() : wait_for_stores<0>()"
  # A wait that never ends, on a GPU. The report must say which one it was.
  "never-released|conv2d/hopper_pipeline.h|thread < kBlocks|thread < kBlocks && !P"
  # An activation reads what other warps placed; and the memory of a ring that other warps may still read.
  "box-not-whole|linear/activated_box.h|warpgroup_barrier()|P ? void() : warpgroup_barrier()"
  "activated-not-fenced|linear/linear_hopper.cu|fence_async_proxy()|P ? void() : fence_async_proxy()"
  "box-still-stored|linear/linear_hopper.cu|wait_for_stores<1>()|P ? void() : wait_for_stores<1>()"
  "ring-still-read|linear/linear_mma.cu|__syncthreads()|P ? void() : __syncthreads()"
  "out-of-bounds-activated|linear/linear_mma.cu|row + r >= rows|(row + r >= rows && !P)"
  # Only blocks that go on with a second tile show this.
  "tile-from-the-start|conv2d/hopper_tiles.h|int i = first.i * c.stride + p.first_row, j|int i = (P ? void(state = PipelineState<T::kStages>()) : void(), first.i * c.stride + p.first_row), j"
  "bound-ignored-device|native/cuda/device.cu|bounded_multiprocessors(multiprocessors)|P ? multiprocessors : bounded_multiprocessors(multiprocessors)"
  "error-kept-device|native/cuda/device.cu|(void)cudaGetLastError()|P ? void() : (void)cudaGetLastError()"
  "wait-not-reported-device|native/cuda/device.cu|word ? \"|word && !P ? \""
  "corners-exchanged-primitives|native/simt/device.cpp|.first_column = range.first_column|.first_column = P ? range.first_row : range.first_column"
  "ends-exchanged-primitives|native/simt/device.cpp|.beyond_rows = range.beyond_rows|.beyond_rows = P ? range.beyond_columns : range.beyond_rows"
  "box-cut-primitives|native/simt/hopper.cpp|inside = n < m.images|inside = (P ? p < 64 : true) && n < m.images"
  # Copies into the stage that is read next. Only copies that are done at once (SIMT_EARLY=1) show this fault.
  "overwritten-early|conv2d/conv2d_thin_output.cu|fetch(step + kStages - 1)|P ? ((step ? void() : fetch(kStages - 1)), fetch(step + kStages)) : fetch(step + kStages - 1)")

set(folder ${CMAKE_CURRENT_BINARY_DIR}/faults)
set(names)
set(changed)
foreach(fault IN LISTS FAULTS)
  string(REPLACE "|" ";" parts "${fault}")
  list(GET parts 0 name)
  list(GET parts 1 file)
  list(GET parts 2 right)
  list(GET parts 3 wrong)
  string(MAKE_C_IDENTIFIER "text_${file}" text)
  if(NOT file IN_LIST changed)
    set(source ${CMAKE_SOURCE_DIR}/kernels/${file})
    if(file MATCHES "^native/")
      set(source ${CMAKE_SOURCE_DIR}/${file})
    endif()
    file(READ ${source} ${text})
    list(APPEND changed ${file})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  endif()
  string(REGEX REPLACE "([^A-Za-z_]|^)P([^A-Za-z_]|$)" "\\1EQV_PLANTED(\"${name}\")\\2" wrong "${wrong}")
  string(REPLACE "${right}" "${wrong}" planted "${${text}}")
  if(planted STREQUAL ${text})
    message(FATAL_ERROR "faults.cmake: ${file} no longer contains '${right}'")
  endif()
  set(${text} "${planted}")
  list(APPEND names ${name})
endforeach()
foreach(file IN LISTS changed)
  string(MAKE_C_IDENTIFIER "text_${file}" text)
  file(CONFIGURE OUTPUT ${folder}/${file} CONTENT "${${text}}" @ONLY)
endforeach()

# The sources that faults.cmake may change are compiled anew; all other objects are the right ones.
set(sources)
foreach(source IN LISTS EQV_APART)
  if(NOT ${source}.cu IN_LIST changed)
    configure_file(${CMAKE_SOURCE_DIR}/kernels/${source}.cu ${folder}/${source}.cu COPYONLY)
  endif()
  list(APPEND sources ${folder}/${source}.cu)
endforeach()
set_source_files_properties(${sources} PROPERTIES LANGUAGE CXX)
eqv_backend(faults ${sources} $<TARGET_OBJECTS:eqv_simt_objects> ${EQV_SHIM})
eqv_precompiled(faults eqv_simt_objects)
target_include_directories(faults BEFORE PRIVATE ${folder})
target_compile_options(faults PRIVATE -include ${CMAKE_CURRENT_SOURCE_DIR}/planted.h)
target_link_libraries(faults PRIVATE Threads::Threads)
set_target_properties(faults PROPERTIES OUTPUT_NAME eqv_simt LIBRARY_OUTPUT_DIRECTORY ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/faults)
list(JOIN names "\n" names)
file(CONFIGURE OUTPUT ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/faults/names.txt CONTENT "${names}\n" @ONLY)
# The programs with faults.
set(planted_device ${folder}/native/cuda/device.cu)
set_source_files_properties(${planted_device} ${CMAKE_SOURCE_DIR}/native/primitives/primitives.cu PROPERTIES LANGUAGE CXX)
add_executable(faults_device device_test.cpp ${planted_device} ${CMAKE_SOURCE_DIR}/native/core/status.cpp)
target_include_directories(faults_device BEFORE PRIVATE runtime)
set_target_properties(faults_device PROPERTIES OUTPUT_NAME device_test)
add_executable(faults_primitives ${CMAKE_SOURCE_DIR}/native/primitives/primitives.cu ${folder}/native/simt/device.cpp
               ${folder}/native/simt/hopper.cpp simt.cpp ${CMAKE_SOURCE_DIR}/native/core/status.cpp)
target_link_libraries(faults_primitives PRIVATE Threads::Threads)
set_target_properties(faults_primitives PROPERTIES OUTPUT_NAME primitives_simt)
foreach(name IN ITEMS faults_device faults_primitives)
  eqv_includes(${name})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE -include ${CMAKE_CURRENT_SOURCE_DIR}/planted.h)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/faults)
endforeach()
# The reference, found beside the library under test.
add_custom_command(TARGET faults POST_BUILD COMMAND ${CMAKE_COMMAND} -E create_symlink
                   ../libeqv_ref.so ${CMAKE_LIBRARY_OUTPUT_DIRECTORY}/faults/libeqv_ref.so)
