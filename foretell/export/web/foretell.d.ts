// The types of foretell.js and runtime.js.

export interface Prediction {
  label: string;
  probability: number;
  probabilities: Map<string, number>;
  /** Where a text may have several labels: those that apply. */
  labels?: string[];
}

export interface Labels {
  labels: string[];
  classify(text: string): Promise<Prediction>;
  probabilities(text: string): Promise<number[]>;
}

export interface Word {
  word: string;
  probability: number;
}

export interface Words {
  next(text: string, k?: number, options?: { cache?: number; signal?: AbortSignal }): Promise<Word[]>;
  suggest(
    text: string,
    options?: { k?: number; cache?: number; earlier?: string; signal?: AbortSignal },
  ): Promise<(Word & { text: string })[]>;
  complete(
    text: string,
    options?: { words?: number; temperature?: number; random?: () => number; cache?: number },
  ): AsyncGenerator<string>;
}

export function open(ort: unknown, read?: (name: string) => Promise<Uint8Array>): Promise<Labels | Words>;

declare global {
  /** Set by attach.js. The promise is of a function that takes the suggestions away. */
  var foretell: {
    attach(
      field: HTMLTextAreaElement | HTMLInputElement,
      options?: { remember?: boolean; lang?: string | null },
    ): Promise<() => void>;
  };
}
